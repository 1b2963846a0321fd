"""What others did on the servers of a plan that is shown: only what was seen after the plan was made counts."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from core import RollbackRequest
from core.errors import ConnectError
from core.plan import Plan
from core.records import Lock
from tests.plans import worded
from tests.tui.recorded import NOW, record, state, tag
from tui.model.news import News, news_since, origin_moved, ref_moved
from tui.view.fleet import FleetView, ServerView
from tui.view.formats import short_tag
from tui.view.glyphs import UNICODE
from tui.view.lines import plain
from tui.view.plan_news import BREAK, GIVE_REASON, WAIT, news_lines, way_on


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
    assert news_since(plan(), NOW, fleet(2, 2, 0), held) == News(held="bo@ci runs a deploy on web1", frees=WAIT)
    silent = {"web1": Lock(kind="deploy", who="bo@ci", silence=3600.0)}
    assert news_since(plan(), NOW, fleet(2, 2, 0), silent).frees == BREAK


def test_a_freeze_that_began_meanwhile_is_news() -> None:
    frozen = "production is frozen by ana@laptop: migration"
    assert news_since(plan(), NOW, fleet(0, 0), {}, frozen) == News(held=frozen, frees=GIVE_REASON)


def test_a_dangling_current_is_news() -> None:
    view = fleet(0, 0)
    broken = replace(view.servers[0], state=state("web1", current_kind="dangling", read_at=NOW + 10))
    view = FleetView.of("shop", "production", (broken, view.servers[1]))
    assert news_since(plan(), NOW, view, {}).changed == ("web1",)


def test_a_release_that_was_pinned_is_news_but_not_one_that_a_server_does_not_list() -> None:
    view = fleet(0, 0)
    seen = state("web1", read_at=NOW + 10)
    pinned = {name: replace(release, marks=frozenset({"pinned"})) for name, release in seen.releases.items()}
    for unlisted, changed in ((0, ("web1",)), (7, ())):
        server = replace(view.servers[0], state=replace(seen, releases=pinned, unlisted=unlisted))
        assert news_since(plan(), NOW, FleetView.of("shop", "production", (server, view.servers[1])), {}).changed == (
            changed
        )


def test_what_a_promotion_comes_from_and_the_branch_of_a_deploy() -> None:
    base = plan()
    copied = replace(base, record=record(1, tag="r9", promoted_from="staging", promoted_tag=tag(1)), tag="r9")
    source = FleetView.of("shop", "staging", fleet(2, 2).servers)
    name = short_tag
    assert origin_moved(copied, NOW, source) == f"staging has {name(tag(2))} live now, not {name(tag(1))}"
    assert origin_moved(copied, NOW + 20, source) == "", "seen before the plan was made"
    assert origin_moved(copied, NOW, FleetView.of("shop", "staging", fleet(1, 1).servers)) == ""
    assert origin_moved(replace(base, record=record(1)), NOW, FleetView.of("shop", "staging", fleet(1).servers)) == ""
    deploy = replace(base, record=record(1, revision="a" * 40))
    assert ref_moved(deploy, "main", "b" * 40) == "main is bbbbbbb now, not aaaaaaa"
    assert ref_moved(deploy, "main", "a" * 40) == ref_moved(deploy, "main", "") == ref_moved(base, "main", "b") == ""
    news = " ".join(told((), 3, moved="main is bbbbbbb now, not aaaaaaa"))
    assert news == "! main is bbbbbbb now, not aaaaaaa: this plan no longer holds "


def test_servers_that_are_found_to_have_changed_later_are_news_too() -> None:
    first = news_since(plan(), NOW, fleet(2, 0, 0), {})
    later = news_since(plan(), NOW, fleet(2, 2, 0), {}, "", first)
    assert (first.changed, later.changed) == (("web1",), ("web1", "web2"))


def test_a_server_that_has_changed_stays_so_while_others_work_or_it_is_as_before() -> None:
    held = {"web1": Lock(kind="deploy", who="bo@ci")}
    assert news_since(plan(), NOW, fleet(2, 2, 0), held, "", News(changed=("web2",))).changed == ("web2",)
    assert news_since(plan(), NOW, fleet(0, 0, 0), {}, "", News(changed=("web2",))).changed == ("web2",)


def told(changed: Sequence[str], total: int, held: str = "", way: str = "", moved: str = "") -> list[str]:
    return [plain(spans) for spans in news_lines(moved, changed, total, held, way, 70, UNICODE)]


def test_news_name_the_servers_or_say_that_it_is_all() -> None:
    end = "changed while you looked: this plan no longer holds"
    assert told(("web1", "web2"), 3)[0] == f"! web1, web2 {end}"
    assert told(("web1", "web2", "web3"), 3)[0] == f"! all 3 servers {end}"
    assert told(("web1",), 1)[0] == f"! web1 {end}"
    many = [f"web{number}" for number in range(1, 10)]
    assert " ".join(told(many, 100)).startswith("! web1, web2, web3 and 6 more changed while you looked:")
    assert told((), 3) == []


def test_news_say_what_the_keys_do_meanwhile() -> None:
    keys = {"close": "Esc", "break-lock": "L"}
    assert told((), 3, "bo@ci runs a deploy on web1", way_on(WAIT, "y", keys)) == [
        "! bo@ci runs a deploy on web1: y works when that has ended; Esc leaves",
        "",
    ]
    assert way_on(BREAK, "y", keys) == "it gives no sign of life; leave with Esc, then L breaks its lock"
    assert way_on(GIVE_REASON, "y", keys) == "leave with Esc and begin again, which asks for a reason"
