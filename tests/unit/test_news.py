"""What others did on the servers of a plan that is shown: only what was seen after the plan was made counts."""

from __future__ import annotations

from msgspec.structs import replace

from core import RollbackRequest
from core.errors import ConnectError
from core.plan import Plan
from core.records import Lock
from tests.plans import worded
from tests.tui.recorded import NOW, state, tag
from tui.model.news import News, news_since
from tui.view.fleet import FleetView, ServerView
from tui.view.glyphs import UNICODE
from tui.view.lines import plain
from tui.view.plan_lines import news_lines


def plan() -> Plan:
    """Of two servers on which the newest release is live; a third does not take part."""
    seen = {name: state(name).fingerprint for name in ("web1", "web2")}
    base = Plan(kind="rollback", environment="production", tag=tag(1), live=tag(0), fingerprints=seen)
    return worded(base, RollbackRequest())


def fleet(*places: int, at: float = NOW + 10) -> FleetView:
    """web1, web2, web3 … with the release at each place live, as they were found then."""
    servers = [
        ServerView(f"web{number}", state(f"web{number}", place, read_at=at), at=at)
        for number, place in enumerate(places, 1)
    ]
    return FleetView.of("shop", "production", servers)


def test_a_switch_after_the_plan_was_made_is_news() -> None:
    assert news_since(plan(), NOW, fleet(0, 2, 0), {}) == News(changed=("web2",))


def test_what_was_seen_before_the_plan_was_made_is_none() -> None:
    assert news_since(plan(), NOW, fleet(2, 2, 0, at=NOW - 1), {}) == News()


def test_servers_of_others_and_servers_that_do_not_answer_are_none() -> None:
    view = fleet(0, 0, 2)
    dark = replace(view.servers[0], state=state("web1", 2, read_at=NOW + 10), error=ConnectError("no answer"))
    view = FleetView.of("shop", "production", (dark, *view.servers[1:]))
    assert news_since(plan(), NOW, view, {"web3": Lock(kind="deploy", who="bo@ci")}) == News()


def test_while_somebody_works_on_them_that_is_the_news() -> None:
    held = {"web1": Lock(kind="deploy", who="bo@ci")}
    assert news_since(plan(), NOW, fleet(2, 2, 0), held) == News(held="bo@ci runs a deploy on web1")


def test_a_freeze_that_began_meanwhile_is_news() -> None:
    frozen = "production is frozen by ana@laptop: migration"
    assert news_since(plan(), NOW, fleet(0, 0), {}, frozen) == News(held=frozen)


def test_a_dangling_current_is_news() -> None:
    view = fleet(0, 0)
    broken = replace(view.servers[0], state=state("web1", current_kind="dangling", read_at=NOW + 10))
    view = FleetView.of("shop", "production", (broken, view.servers[1]))
    assert news_since(plan(), NOW, view, {}).changed == ("web1",)


def test_news_are_told_before_the_plan() -> None:
    told = [plain(spans) for spans in news_lines("bo@ci runs a deploy on web1", ("web1", "web2"), 60, UNICODE)]
    assert told == [
        "! web1, web2 changed while you looked: this plan no longer",
        "  holds",
        "! bo@ci runs a deploy on web1: this must wait for its end",
        "",
    ]
    assert news_lines("", (), 60, UNICODE) == []
