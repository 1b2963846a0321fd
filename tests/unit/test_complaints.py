"""What programs on a server complain about becomes an error of a few whole lines, however much they said."""

from __future__ import annotations

import pytest

from core.errors import DiskFull, ServerError
from core.protocol.complaints import LONGEST, MOST, MOST_CHARACTERS, failure

NUMBERS = ["0 kB of 49152 kB are free in /srv/it's here", "12 of 400 inodes are free in /srv/it's here"]


def full(number: int) -> str:
    return f"cp: error writing '.turnout/incoming/two/{number:04}': No space left on device"


def test_a_full_disk_has_its_numbers_first_then_three_complaints_and_how_many_more():
    error = failure("it failed", [*map(full, range(5000)), *NUMBERS], "status 1")
    assert isinstance(error, DiskFull)
    assert error.detail.splitlines() == [*NUMBERS, full(0), full(1), full(2), "and 4,997 more"]


@pytest.mark.parametrize("words", ["No space left on device", "Disk quota exceeded", "disk full"])
def test_what_says_that_the_disk_is_full_is_shown_wherever_it_was_said(words):
    lines = [f"cp: cannot stat 'x{number}': No such file or directory" for number in range(500)]
    error = failure("it failed", [*lines, f"cp: y: {words}", *lines, *NUMBERS], "status 1")
    assert isinstance(error, DiskFull)
    assert error.detail.splitlines() == [*NUMBERS, f"cp: y: {words}", "and 1,000 more"]


def test_what_is_not_a_full_disk_is_reported_without_its_numbers_and_in_whole_lines():
    lines = [f"tar: {'d/' * 30}{number}: Cannot open: Permission denied" for number in range(500)]
    error = failure("it failed", [*lines, *NUMBERS], "status 1")
    assert type(error) is ServerError
    shown = error.detail.splitlines()
    assert shown == [*lines[:MOST], f"and {500 - MOST} more"]
    assert "the login user has no permission to change it" in error.hint


def test_clocks_that_differ_do_not_hide_what_is_wrong():
    warnings = [f"tar: f{number}: time stamp 2031-01-01 00:00:00 is 1.5 s in the future" for number in range(500)]
    last = "tar: Exiting with failure status due to previous errors"
    error = failure("it failed", [*warnings, "tar: g: Cannot open: File exists", last], "status 2")
    assert error.detail == "tar: g: Cannot open: File exists"
    assert failure("it failed", warnings, "status 2").detail == "status 2"
    assert failure("it failed", ["", "  "], "status 2").detail == "status 2"


def test_a_path_of_any_length_keeps_its_beginning_and_the_reason():
    error = failure("it failed", [f"cp: error writing 'start/{'d/' * 2000}': No space left on device", *NUMBERS], "")
    assert isinstance(error, DiskFull)
    *numbers, line = error.detail.splitlines()
    assert numbers == NUMBERS
    assert len(line) < LONGEST and "start/" in line and line.endswith("No space left on device")


def test_an_error_stays_short_and_harmless_whatever_was_said():
    error = failure("it failed", [f"{number}: \x1b[31m{'x' * 900}" for number in range(50)], "")
    assert len(error.detail) < MOST_CHARACTERS + 100
    assert "\x1b" not in error.detail
    assert error.detail.endswith("and 46 more")


@pytest.mark.parametrize(
    ("said", "title", "hint"),
    [
        ("mkdir: cannot make directory 'x': Read-only file system", "it failed", "mounted read-only"),
        ("cp: cannot create 'x': Permission denied", "it failed", "has no permission to change it"),
        ("mv: cannot move 'x': Operation not permitted", "it failed", "has no permission to change it"),
        ("cannot make /srv/app: Not a directory", "it failed", "`turnout doctor` looks for the cause"),
        ("tar: x: Cannot write: Disk quota exceeded", "the disk quota is used up", "free bytes or inodes"),
        ("tar: x: Cannot write: No space left on device", "the disk is full", "free bytes or inodes"),
    ],
)
def test_a_cause_is_named_only_where_the_server_says_it(said: str, title: str, hint: str) -> None:
    error = failure("it failed", [said], "")
    assert error.title == title and hint in error.hint
    assert "belong" not in error.hint
