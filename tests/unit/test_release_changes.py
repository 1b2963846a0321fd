"""Which two releases the Changes tab shows, and that they are compared once, and only where somebody stays there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.changes import Changes, Side
from core.jobs import Cancel
from core.operations import differences as engine
from tests.tui.recorded import fleet_of, state, tag
from tests.waiting import until
from tui.model.bridge import Bridge
from tui.model.focus import Focus
from tui.model.release_changes import ReleaseChanges, chosen_pair
from tui.view.fleet import FleetView

FLEET = fleet_of(state("web1"), state("web2"), state("web3", 2))


def at(place: int, **changes: Any) -> Focus:
    return Focus(release=FLEET.rows[place], **changes)


def pair(old: int, new: int) -> tuple[Side, Side]:
    return Side(tag(old)), Side(tag(new))


def test_a_release_is_beside_the_live_one_and_the_older_comes_first() -> None:
    assert chosen_pair(FLEET, at(4)) == pair(4, 0)
    assert chosen_pair(FLEET, at(0)) == pair(1, 0)  # the live one beside the one before it
    behind = fleet_of(state("web1", 2), state("web2", 2))
    assert chosen_pair(behind, Focus(release=behind.rows[0])) == pair(2, 0)


def test_two_marked_releases_are_chosen_wherever_the_cursor_is() -> None:
    assert chosen_pair(FLEET, at(0, marked=frozenset({tag(2), tag(5)}))) == pair(5, 2)
    assert chosen_pair(FLEET, at(4, marked=frozenset({tag(2)}))) == pair(4, 0)
    assert chosen_pair(FLEET, at(4, marked=frozenset({tag(2), "gone"}))) == pair(4, 0)


def test_a_server_is_beside_the_live_release() -> None:
    assert chosen_pair(FLEET, at(0, list="servers", server="web3")) == pair(2, 0)
    assert chosen_pair(FLEET, at(4, list="servers", server="web1")) == pair(1, 0)


def test_two_marked_servers_are_chosen_by_what_is_live_there() -> None:
    apart = at(4, marked_servers=frozenset({"web1", "web3"}))
    assert chosen_pair(FLEET, apart) == pair(2, 0)
    alike = at(4, marked_servers=frozenset({"web2", "web1"}))
    assert chosen_pair(FLEET, alike) == (Side(tag(0), "web1"), Side(tag(0), "web2"))
    assert chosen_pair(FLEET, alike, by_checksum=False) == pair(4, 0)
    assert chosen_pair(FLEET, at(4, marked_servers=frozenset({"web1"}))) == pair(4, 0)


def test_there_may_be_no_two_releases() -> None:
    one = fleet_of(state("web1", count=1))
    assert chosen_pair(one, Focus(release=one.rows[0])) is None
    assert chosen_pair(FleetView.of("shop", "production", ()), Focus()) is None


class Asked:
    """The engine's answers, which a test gives when it likes; `calls` are the pairs that were asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[Side, Side]] = []
        self.cancels: list[Cancel] = []
        self.delayed: list[Callable[[], None]] = []
        self.bridge = Bridge()
        self.changed = 0
        monkeypatch.setattr(engine, "differences", self._differences)
        self.model = ReleaseChanges(self.bridge, lambda seconds, work: self.delayed.append(work), self._change)

    def _differences(self, fleet: Any, old: Side, new: Side, states: Any, cancel: Cancel, **_: Any) -> Changes:
        self.calls.append((old, new))
        self.cancels.append(cancel)
        return Changes(old=old, new=new)

    def _change(self) -> None:
        self.changed += 1

    def look(self, old: int, new: int) -> None:
        states = {each.server: each for each in FLEET.known}
        self.model.look_at(pair(old, new), None, states)  # type: ignore[arg-type]  # nobody opens it

    def later(self) -> None:
        """The cursor has stood there for a while."""
        delayed, self.delayed = self.delayed, []
        for work in delayed:
            work()

    def answered(self) -> None:
        until(lambda: (self.bridge.tick(), not self.bridge.busy)[1], "the engine answers")


def test_nothing_is_asked_while_the_cursor_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    for place in range(1, 6):
        asked.look(place, 0)
    asked.later()
    asked.answered()
    assert asked.calls == [pair(5, 0)] and asked.changed == 1
    assert asked.model.found and asked.model.found.changes == Changes(old=Side(tag(5)), new=Side(tag(0)))


def test_what_was_compared_is_not_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    for old in (3, 4, 3, 4):
        asked.look(old, 0)
        asked.later()
        asked.answered()
        asked.look(old, 0)
    assert asked.calls == [pair(3, 0), pair(4, 0)] and asked.model.found is not None


def test_an_answer_that_comes_too_late_is_kept_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    asked.look(3, 0)
    asked.later()
    asked.look(4, 0)
    assert asked.model.found is None
    until(lambda: asked.cancels, "the engine was asked")
    assert asked.cancels[0].requested
    asked.answered()
    assert asked.model.found is None and asked.changed == 0


def test_a_missing_commit_may_be_there_now(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.changes import Commits

    asked = Asked(monkeypatch)
    unknown = Commits(unknown="not in the repository; git fetch")
    monkeypatch.setattr(
        engine, "differences",
        lambda fleet, old, new, states, cancel, **_: asked.calls.append((old, new))
        or Changes(old=old, new=new, commits=unknown),
    )  # fmt: skip
    for old in (3, 4, 3):
        asked.look(old, 0)
        asked.later()
        asked.answered()
    assert asked.calls == [pair(3, 0), pair(4, 0), pair(3, 0)]
