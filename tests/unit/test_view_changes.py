"""Changes as a plan shows them: what is taken back, what comes, migrations, and what is not known."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.changes import NAMED, Commit, PlanChanges
from tui.view.change_lines import plan_change_lines
from tui.view.glyphs import ASCII, UNICODE
from tui.view.lines import plain, width


def commits(number: int, migrates: int = -1) -> tuple[Commit, ...]:
    return tuple(
        Commit(f"{index:07x}" * 5, f"Fix number {index}", "ana" if index % 2 else "bo", 0.0, migrates=index == migrates)
        for index in range(number)
    )


CHANGES = PlanChanges(
    old="r2", new="r1", taken=12, taken_named=commits(NAMED, 1), taken_by=("ana", "bo"), lines=(412, 88),
    files_added=3, files_changed=27, files_removed=1, lost_migrations=("db/migrate/042_vat.sql",),
)  # fmt: skip


def text(changes: PlanChanges, cells: int = 76, terminal: bool = False) -> str:
    return "\n".join(plain(spans) for spans in plan_change_lines(changes, cells, UNICODE, terminal=terminal))


def test_what_a_rollback_takes_back_comes_first() -> None:
    shown = text(CHANGES)
    assert shown.startswith("Takes back 12 commits by ana, bo\n  - 0000000 Fix number 0")
    assert "… 8 more" in shown
    assert "Files    3 added, 27 changed, 1 removed, +412 −88" in shown
    assert "! 1 migration that it does not know, and that stays in the database: db/migrate/042_vat.sql" in " ".join(
        shown.split()
    )
    assert next(row for row in shown.splitlines() if "! migration" in row).startswith("  - 0000001")


def test_a_deploy_names_what_it_brings() -> None:
    changes = PlanChanges(
        old="a",
        new="b",
        added=1,
        added_named=commits(1),
        added_by=("bo",),
        files_changed=1,
        new_migrations=("db/1", "db/2"),
    )
    shown = text(changes)
    assert "Brings 1 commit by bo\n  + 0000000 Fix number 0" in shown and "Files    1 changed" in shown
    assert "! 2 migrations come with it: db/1, db/2" in shown


def test_a_terminal_gets_all_that_the_plan_names() -> None:
    shown = text(CHANGES, 100_000, terminal=True)
    assert shown.count("Fix number") == NAMED and "… 2 more" in shown


def test_what_is_not_known_is_said_with_its_reason() -> None:
    shown = text(PlanChanges(commits_unknown="abc is not in the repository; git fetch", files_unknown="no record"))
    assert "Commits  not known: abc is not in the repository; git fetch" in shown
    assert "Files    not known: no record" in shown


def test_the_same_commit_and_no_file_are_said() -> None:
    shown = text(PlanChanges())
    assert "none: both are made from the same commit" in shown and "no file differs" in shown


@pytest.mark.parametrize("cells", [24, 40, 54, 76, 120])
def test_no_line_is_wider_than_its_room(cells: int) -> None:
    long = Commit("f" * 40, "Change 漢字 " * 30, "A very long name of an author", 0.0, migrates=True)
    changes = replace(CHANGES, taken_named=(long, *commits(3)), commits_note="shallow clone: there may be more")
    for glyphs in (UNICODE, ASCII):
        assert max(width(spans) for spans in plan_change_lines(changes, cells, glyphs)) <= cells


def test_nothing_of_a_repository_reaches_the_screen_as_control_codes() -> None:
    evil = Commit("f" * 40, "a\x1b[2Jb\nc", "d\re\u202e", 0.0)
    shown = text(PlanChanges(taken=1, taken_named=(evil,), taken_by=("x\x1b]0;y\x07",)))
    assert not any((ord(character) < 32 and character != "\n") or character == "\u202e" for character in shown)
    assert "ab c" in shown
