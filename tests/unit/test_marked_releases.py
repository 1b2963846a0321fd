"""Which releases are marked together: those that a prune would remove."""

from __future__ import annotations

from msgspec.structs import replace

from core.planner.prune import kept_from_prune, plan_prune
from core.records import JournalLine, ServerState
from tests.tui.recorded import NOW, fleet_of, state, tag
from tui.keymap import Keymap
from tui.view.glyphs import UNICODE
from tui.widgets.releases import ReleasesPane


def switched(index: int, previous: int, ago: float) -> JournalLine:
    facts = {"operation": "a1", "kind": "deploy", "who": "ana@laptop", "time": NOW - ago}
    return JournalLine(what="switch", tag=tag(index), previous=tag(previous), **facts)


def pane_of(*states: ServerState) -> ReleasesPane:
    pane = ReleasesPane(UNICODE, lambda: NOW, Keymap({}))
    pane.show(fleet_of(*states))
    return pane


def test_all_marks_what_a_prune_takes_and_one_by_one_what_is_not_live() -> None:
    web1 = state("web1", journal=(switched(0, 1, 60.0),))
    web2 = state("web2", journal=(switched(0, 2, 60.0),))
    pane = pane_of(web1, web2)
    pane.mark_all()
    assert pane.marked == {tag(3), tag(4), tag(5)}, "1 and 2 are the ways back, 6 and 7 have no files"
    plan = plan_prune("production", [web1, web2], sorted(pane.marked), None, False, {})
    assert not plan.refusals
    assert kept_from_prune([web1, web2], [tag(0), tag(1), tag(2), tag(3)]).keys() == {tag(0), tag(1), tag(2)}
    assert pane.can_mark(tag(1)) and not pane.can_mark(tag(0))
    pane.mark_all()
    assert not pane.marked, "all were marked"


def test_a_release_that_a_link_leads_to_is_not_marked_with_all() -> None:
    pane = pane_of(replace(state("web1"), links={tag(4): ("beta",)}))
    pane.mark_all()
    assert tag(4) not in pane.marked and tag(5) in pane.marked
