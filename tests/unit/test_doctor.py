"""What doctor makes of a server's answers, whatever they are."""

from __future__ import annotations

import pytest

from core.doctor.findings import remedy
from core.protocol.facts import Facts, is_rehearsal, reason
from core.text import encode_path


def test_what_a_server_says_of_itself_is_checked_before_it_becomes_part_of_a_command() -> None:
    facts = Facts(["user x; rm -rf /", "closed %ZZ", "tried folder %G1", "shared-missing a%ZZ", "odd"])
    assert (facts.user, facts.closed, facts.problems("folder")) == ("", "", [])
    assert Facts(["user deploy"]).user == "deploy" and Facts(["user DOM+ana"]).user == ""


@pytest.mark.parametrize(
    ("folder", "right"),
    [
        ("/srv/shop/.turnout-probe.42", True),
        ("/srv/.turnout-probe.42", True),
        ("/.turnout-probe.42", True),
        ("/etc/.turnout-probe.42", False),
        ("/srv/shop/releases/.turnout-probe.42", False),
        ("/srv/sh/.turnout-probe.42", False),
        ("/srv/shop/.turnout-probe.x", False),
        ("/srv/shop", False),
        ("", False),
    ],
)
def test_a_rehearsal_takes_place_in_a_folder_of_its_own_only(folder: str, right: bool) -> None:
    assert is_rehearsal(folder, "/srv/shop") is right


def test_a_try_worked_only_where_none_of_its_kind_failed() -> None:
    facts = Facts(["tried root", f"tried folder {encode_path(b'releases: mv: x: Permission denied')}", "tried folder"])
    assert facts.worked("root") and not facts.worked("folder") and not facts.worked("reflink")
    assert reason(facts.problems("folder")[0]) == "Permission denied"


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("Permission denied", "make it writable for ana"),
        ("Operation not permitted", "make it writable for ana"),
        ("Read-only file system", "mounted read-only"),
        ("Disk quota exceeded", "free bytes or inodes"),
        ("Input/output error", ""),
    ],
)
def test_a_remedy_is_given_where_the_reason_gives_it(why: str, words: str) -> None:
    said = remedy(why, "/srv/shop", "ana")
    assert words in said and bool(words) == bool(said)
