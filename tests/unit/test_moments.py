"""The moments of hooks: which an operation runs, and where the tag goes into their folders."""

from __future__ import annotations

import pytest

from core.moments import BUILD, MOMENTS, OPERATOR, PREPARE, SWITCHED, UNDONE, moments_of
from core.plan import DEPLOY, RECOVER, ROLLBACK

RUN = {
    DEPLOY: "build prepare before-switch after-switch success",
    ROLLBACK: "prepare before-switch after-switch after-rollback success",
    RECOVER: "prepare before-switch after-switch success",
}


@pytest.mark.parametrize("kind", RUN)
def test_an_operation_runs_its_moments_in_their_order(kind: str) -> None:
    assert [moment.name for moment in moments_of(kind)] == RUN[kind].split()


@pytest.mark.parametrize("kind", ["prune", "clear-cache", "pin", "unpin"])
def test_what_makes_no_release_live_runs_no_hooks(kind: str) -> None:
    assert moments_of(kind) == ()


def test_nothing_is_prepared_where_no_release_is_made() -> None:
    assert PREPARE not in moments_of(ROLLBACK, makes_release=False)


def test_after_a_switch_back_only_hooks_that_follow_a_switch_run() -> None:
    assert [moment.name for moment in UNDONE] == ["after-switch", "after-rollback"]
    assert set(UNDONE) < set(SWITCHED)


def test_a_build_is_the_operators_alone() -> None:
    assert [name for name, moment in MOMENTS.items() if moment.places == (OPERATOR,)] == [BUILD.name]


def test_hooks_start_in_the_release_while_it_is_made_and_when_it_is_complete() -> None:
    folders = {name: moment.folder.format(tag="r1") for name, moment in MOMENTS.items()}
    assert folders["prepare"] == ".turnout/incoming/r1"
    assert {folders[name] for name in ("before-switch", "after-switch", "success")} == {"releases/r1"}
