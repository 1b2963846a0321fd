"""What the dashboard says while nothing runs: what undo goes back to, and what is not deployed yet."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.changes import Commit
from core.records.previous import Previous
from tests.tui.recorded import NOW, fleet_of, state, tag
from tui.view.fleet import Ahead
from tui.view.glyphs import ASCII, UNICODE
from tui.view.lines import plain, width
from tui.view.progress_lines import idle_lines
from tui.view.recent import ahead_lines
from tui.view.way_back import way_back

KEYS = {"deploy": "D", "rollback": "b", "undo": "u"}
FLEET = fleet_of(state("web1"), state("web2"))
COMMITS = tuple(Commit(f"{number:040x}", f"Subject {number}", "Ana Gomez", NOW - number) for number in range(30))


def ahead(commits: int) -> Ahead:
    return Ahead("main", FLEET.revision, commits, COMMITS[:commits])


@pytest.mark.parametrize(
    ("undoes", "said"),
    [
        (Previous(), ""),
        (Previous(tag=tag(1)), "back to 9ab01cd"),
        (Previous(tag=tag(1), until=NOW - 7200, tags={"web1": tag(1)}), "back to 9ab01cd, live until 2 h ago"),
        (
            Previous(tag=tag(1), tags={"web2": tag(2), "web1": tag(1), "web3": tag(1)}),
            "back to 9ab01cd on web1, web3; 77e0d12 on web2",
        ),
        (
            Previous(tag=tag(1), tags={"db1": tag(2)} | {f"web{number}": tag(1) for number in range(9)}),
            "back to 9ab01cd on 9 servers; 77e0d12 on db1",
        ),
    ],
)
def test_what_undo_goes_back_to_is_told_with_the_servers_that_differ(undoes: Previous, said: str) -> None:
    assert way_back(replace(FLEET, undoes=undoes), NOW) == said
    assert plain(idle_lines(KEYS, said)[-1]).strip() == f"u  goes {said or 'back to what was live before'}"


@pytest.mark.parametrize(("commits", "rows", "listed", "rest"), [
    (3, 20, 3, ""), (3, 4, 3, ""), (3, 3, 1, "… 2 more"), (30, 11, 9, "… 21 more"), (99, 60, 30, "… 69 more"),
])  # fmt: skip
def test_the_commits_that_a_deploy_would_bring_are_listed(commits: int, rows: int, listed: int, rest: str) -> None:
    title, *lines = ahead_lines(replace(FLEET, ahead=ahead(commits)), 100, rows, UNICODE, "D")
    assert f"not deployed yet  main is {commits} commits ahead  D deploys" in plain(title)
    assert [plain(spans)[:12] for spans in lines][:1] == ["+ 0000000 Su"]
    assert len(lines) == listed + bool(rest) <= rows - 1
    assert not rest or plain(lines[-1]).strip() == rest
    drawn = ahead_lines(replace(FLEET, ahead=ahead(commits)), 60, rows, ASCII, "D")
    assert all(width(spans) <= 60 and plain(spans).isascii() for spans in drawn)


def test_nothing_is_said_where_nothing_is_ahead_or_there_is_no_room() -> None:
    assert not ahead_lines(FLEET, 100, 20, UNICODE, "D"), "git was not asked"
    assert not ahead_lines(replace(FLEET, ahead=ahead(0)), 100, 20, UNICODE, "D")
    assert not ahead_lines(replace(FLEET, ahead=ahead(3)), 100, 2, UNICODE, "D")
    other = ahead(3)._replace(revision="f" * 40)
    assert not ahead_lines(replace(FLEET, ahead=other), 100, 20, UNICODE, "D"), "of another release"
