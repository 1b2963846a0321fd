"""A plan that is being made says what it waits for."""

from __future__ import annotations

from core.events import Note, PhaseStarted, Reading
from tests.operations import T
from tui.view.glyphs import UNICODE
from tui.view.lines import plain, width
from tui.view.planning_lines import planning_lines
from tui.view.progress import Progress


def said(progress: Progress, waited_for: list[str], cells: int = 76, seconds: float = 1.0) -> list[str]:
    lines = planning_lines(progress, waited_for, 3, cells, T + seconds, UNICODE)
    assert all(width(spans) <= cells for spans in lines)
    return [plain(spans) for spans in lines]


def test_a_promotion_names_the_environment_it_comes_from_and_the_tree() -> None:
    progress = Progress("plan", "production", [], started=T)
    for what in ("staging", "production"):
        progress.apply(Reading(what=what))
    first = said(progress, ["web2", "web3"])[0]
    assert "Making the plan: 1 of 3 servers answered, reading staging · 1.0 s" in first
    for what, over in (("production", True), ("staging", True), ("the tree from web1 of staging", False)):
        progress.apply(Reading(what=what, over=over))
    progress.apply(Note(text="12 MB of 40 MB read from web1 of staging"))
    lines = said(progress, [])
    assert "Making the plan: reading the tree from web1 of staging" in lines[0]
    assert lines[1].strip() == "12 MB of 40 MB read from web1 of staging"
    progress.apply(Reading(what="the tree from web1 of staging", over=True))
    assert "Making the plan: comparing" in said(progress, [])[0]


def test_a_build_and_servers_that_are_slow_are_named_and_nothing_is_cut_without_a_sign() -> None:
    progress = Progress("plan", "production", [], started=T)
    progress.apply(PhaseStarted(phase="build", time=T))
    assert "Making the plan: building" in said(progress, ["web2"])[0]
    assert any("no answer yet from web2" in text for text in said(progress, ["web2"], seconds=3.0))
    progress = Progress("plan", "production", [], started=T)
    progress.apply(Reading(what="every file of shop-frankfurt-staging"))
    assert said(progress, ["web2"], 48)[0].endswith("…")
