"""The moments of hooks: which an operation runs, and where the tag goes into their folders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.moments import (
    BUILD,
    DRAIN,
    MOMENTS,
    OPERATIONS,
    OPERATOR,
    PREPARE,
    RETIRE,
    SWITCH_BACK,
    SWITCHED,
    UNDONE,
    moments_of,
    when,
)
from core.plan import DEPLOY, RECOVER, ROLLBACK

RUN = {
    DEPLOY: "build prepare finalize before-switch drain after-switch return success retire",
    ROLLBACK: "prepare finalize before-switch drain after-switch return after-rollback success retire",
    RECOVER: "prepare finalize before-switch drain after-switch return success retire",
}


@pytest.mark.parametrize("kind", RUN)
def test_an_operation_runs_its_moments_in_their_order(kind: str) -> None:
    assert [moment.name for moment in moments_of(kind)] == RUN[kind].split()


@pytest.mark.parametrize("kind", ["prune", "clear-cache", "pin", "unpin"])
def test_what_makes_no_release_live_runs_no_hooks(kind: str) -> None:
    assert moments_of(kind) == ()


def test_nothing_is_prepared_where_no_release_is_made() -> None:
    assert PREPARE not in moments_of(ROLLBACK, makes_release=False)


def test_with_a_switch_back_the_hooks_around_a_switch_run() -> None:
    assert [moment.name for moment in UNDONE] == ["drain", "after-switch", "return", "after-rollback"]
    assert set(UNDONE) - set(SWITCHED) == {DRAIN}


def test_a_build_is_the_operators_alone() -> None:
    assert [name for name, moment in MOMENTS.items() if moment.places == (OPERATOR,)] == [BUILD.name]


def test_hooks_start_in_the_release_while_it_is_made_and_when_it_is_complete() -> None:
    folders = {name: moment.folder.format(tag="r1") for name, moment in MOMENTS.items()}
    assert folders["prepare"] == ".turnout/incoming/r1"
    assert {folders[name] for name in ("before-switch", "after-switch", "success")} == {"releases/r1"}


def test_the_page_has_the_table_of_moments_by_operations() -> None:
    page = (Path(__file__).parents[2] / "docs/configuration.md").read_text()
    columns = [*OPERATIONS, SWITCH_BACK]
    table = page.split("| moment | " + " | ".join(columns) + " |\n")[1].split("\n\n")[0].splitlines()[1:]
    rows = [re.split(r" \| ", line.strip("| ")) for line in table]
    assert rows == [[name, *(when(moment, column) for column in columns)] for name, moment in MOMENTS.items()]


def test_the_table_says_what_an_operation_runs() -> None:
    for kind in OPERATIONS:
        said = [name for name, moment in MOMENTS.items() if when(moment, kind) not in ("–", "if it fails")]
        assert said == [moment.name for moment in moments_of(kind)]
    assert [moment for moment in MOMENTS.values() if when(moment, SWITCH_BACK) == "yes"] == [*UNDONE, RETIRE]
