"""A plan in the confirm dialog: the change, the price on each server, and everything against it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from core import DeployRequest, PruneRequest, RollbackRequest
from core.plan import NO_SPACE, NONE, REMOVE, STAGE, SWITCH, UPLOAD, Plan, Refusal, Step
from core.records import Previous
from tests.plans import worded
from tests.tui.recorded import NOW, record, tag
from tui.view.glyphs import UNICODE
from tui.view.lines import plain, width
from tui.view.plan_lines import plan_lines, plan_names


def deploy(*steps: Step, **changes: Any) -> Plan:
    base = Plan(
        kind="deploy",
        environment="production",
        tag=tag(0),
        live=tag(1),
        record=record(0),
        steps=steps or tuple(upload(name) for name in ("web1", "web2", "web3")),
        hooks=("prepare: composer install",),
        checks=("http://127.0.0.1:8080/healthz answers 200",),
    )
    return worded(replace(base, **changes), DeployRequest())


def upload(name: str, **changes: Any) -> Step:
    step = Step(server=name, action=UPLOAD, current=tag(1), send_bytes=41_000_000, send_files=50, copy_bytes=58_000_000)
    return replace(step, **changes)


def text(plan: Plan, cells: int = 76) -> str:
    return "\n".join(plain(spans) for spans in plan_lines(plan, cells, UNICODE))


def test_the_change_and_the_price_on_every_server_are_shown() -> None:
    shown = text(deploy())
    assert "9ab01cd → 3f2c1ab" in shown
    assert "Fix cart totals for mixed VAT" in shown
    assert shown.count("send 41 MB in 50 files, copy 58 MB, switch") == 3
    assert "123 MB to 3 servers" in shown


def test_hooks_and_checks_are_named_before_they_run() -> None:
    shown = text(deploy())
    assert "prepare: composer install" in shown and "/healthz answers 200" in shown


def test_a_server_on_another_release_says_so() -> None:
    assert "(live there: 77e0d12)" in text(deploy(upload("web1"), upload("web2", current=tag(2))))


def test_what_undo_goes_back_to_and_takes_back_is_said() -> None:
    undoes = Previous(tag=tag(0), until=NOW - 300, kind="deploy", who="ana@laptop")
    plan = replace(deploy(), undoes=undoes)
    said = " ".join(plain(spans) for spans in plan_lines(plan, 120, UNICODE, now=NOW))
    assert "to 3f2c1ab, which was live until 5 min ago; takes back the deploy by ana@laptop" in said
    said = " ".join(plain(spans) for spans in plan_lines(plan, 120, UNICODE, now=undoes.until + 1))
    assert "which was live until just now; takes back" in said
    assert "3f2c1ab, the newest older release that did not fail" in text(replace(plan, undoes=Previous(tag=tag(0))))
    moved = text(replace(plan, undoes=Previous(tag=tag(0), moved=True)))
    assert "to 3f2c1ab, which was live before somebody moved current" in " ".join(moved.split())
    steps = (upload("web1"), upload("web2"), upload("web3", tag=tag(2)), Step(server="web4", action=NONE, stays=True))
    each = replace(plan, undoes=replace(undoes, stay=("web4",)), steps=steps)
    said = " ".join(plain(spans) for spans in plan_lines(each, 300, UNICODE, now=NOW))
    assert "to 3f2c1ab on web1, web2; 77e0d12 on web3, which were live until 5 min ago; takes back the dep" in said
    assert "; web4 took no part in it and stays as it is" in said
    assert "switch, to 77e0d12" in said and "stays as it is: it took no part in the last switch" in said


def test_an_upper_bound_is_not_shown_as_a_fact() -> None:
    assert "send at most 41 MB" in text(deploy(upload("web1", exact=False)))


def test_refusals_of_the_plan_and_of_a_server_stand_out() -> None:
    full = Refusal("not enough space: 58 MB needed, 3.0 MB free", NO_SPACE)
    plan = deploy(upload("web1", refusal=full), refusals=(Refusal("no such tag"),))
    shown = text(plan)
    assert "This cannot be done:" in shown and "✗ no such tag" in shown
    assert "✗ web1  not enough space" in shown


def test_warnings_are_shown_with_their_sign() -> None:
    assert "! servers differ: web1 on a, web2 on b" in text(deploy(warnings=("servers differ: web1 on a, web2 on b",)))


def test_what_will_be_pruned_is_named() -> None:
    assert "Removes  77e0d12, 5c1f9e0" in text(deploy(upload("web1", prune=(tag(2), tag(3)))))


def test_many_servers_with_one_price_share_a_line() -> None:
    steps = [upload(f"web{n}") for n in range(1, 31)]
    shown = text(deploy(*steps[:29], replace(steps[29], action=STAGE)))
    assert "web1-29 (29)  send 41 MB" in shown
    assert shown.count("copy 58 MB") == 2


def test_nothing_to_do_is_said_in_words() -> None:
    assert "nothing to do: every server is already as requested" in text(
        deploy(Step(server="web1", action=NONE, current=tag(0)))
    )


def test_a_rollback_by_switch_only_says_how_cheap_it_is() -> None:
    plan = worded(deploy(Step(server="web1", action=SWITCH, current=tag(1))), RollbackRequest())
    assert "switch only" in text(plan)
    assert plan.verb == "Roll back"


def test_a_prune_says_what_it_frees() -> None:
    step = Step(server="web1", action=REMOVE, current=tag(0), prune=(tag(4),), frees=55_000_000)
    plan = Plan(kind="prune", environment="production", live=tag(0), steps=(step,))
    shown = text(worded(plan, PruneRequest()))
    assert "frees 55 MB" in shown and "1a2b3c4" in shown and "→" not in shown


def test_only_servers_where_something_is_freed_are_counted() -> None:
    step = Step(server="stage1", action=REMOVE, current=tag(0), prune=(tag(4),), frees=12_000)
    steps = (step, Step(server="stage2", action=NONE, current=tag(0)))
    plan = Plan(kind="prune", environment="staging", live=tag(0), steps=steps)
    assert "frees 12 kB on 1 server\n" in text(worded(plan, PruneRequest())) + "\n"


@pytest.mark.parametrize("cells", [40, 52, 76, 120])
def test_no_line_is_wider_than_the_dialog(cells: int) -> None:
    plan = deploy(
        upload("a-very-long-server-name-1.example.com", refusal=Refusal("r" * 200)),
        warnings=("w" * 300,),
        refusals=(Refusal("cd /srv && mv current releases/before-turnout " * 4),),
    )
    assert all(width(spans) <= cells for spans in plan_lines(plan, cells, UNICODE))


def test_what_a_server_or_commit_says_cannot_bring_escapes() -> None:
    shown = text(deploy(record=record(0, subject="a\x1b[2Jb\nc"), warnings=("x\x1b]0;t\x07y",)))
    assert "\x1b" not in shown and "ab c" in shown


def test_only_the_servers_that_get_something_are_counted() -> None:
    one = deploy(
        upload("web1", send_bytes=984, send_files=3), replace(upload("web2"), action=STAGE, send_bytes=0, send_files=0)
    )
    assert "Sends    984 B in 3 files to web1" in text(one)
    assert "Sends    82 MB to 2 servers" in text(deploy(upload("web1"), upload("web2"), switching("web3")))
    assert "Sends    at most 41 MB in 50 files to web1" in text(deploy(upload("web1", exact=False)))
    assert "Sends" not in text(deploy(switching("web1")))


def switching(name: str) -> Step:
    return Step(server=name, action=SWITCH, current=tag(1))


def test_a_release_does_not_become_itself() -> None:
    again = text(deploy(live="20261101T000000Z-3f2c1ab"))
    assert "Live     3f2c1ab@11-01 → 3f2c1ab@11-28 again, as a new release" in again
    steps = (Step(server="web1", action=NONE, current=tag(0)), switching("web2"), switching("web3"))
    shown = text(deploy(*steps, live=tag(0)))
    assert "Live     3f2c1ab stays live, and becomes live on web2, web3, too" in shown and "→" not in shown


def test_exceptions_are_named_and_come_after_the_many() -> None:
    odd = {17, 43, 71}
    steps = [Step(server=f"web{n}", action=SWITCH, current=tag(2 if n in odd else 1)) for n in range(1, 101)]
    shown = text(deploy(*steps))
    assert "▸ 97 servers  switch only" in shown
    assert "▸ 3 servers   web17, web43, web71: switch only (live there: 77e0d12)" in shown
    assert shown.index("97 servers") < shown.index("3 servers ")


@pytest.mark.parametrize(
    ("step", "price"),
    [
        (
            upload("web1", send_files=0, send_bytes=0, remove_entries=1),
            "remove 1 entry from the deploy-cache, copy 58 MB, switch",
        ),
        (upload("web1", send_files=1, send_bytes=0, copy_bytes=0), "send 0 B in 1 file, switch"),
        (Step(server="web1", action=REMOVE, prune=("x",), frees=0), "prune 1 release"),
        (Step(server="web1", action=REMOVE, clear_cache=True, frees=0), "clear the deploy-cache"),
    ],
)
def test_nothing_is_not_counted(step: Step, price: str) -> None:
    assert step.price() == price


def test_a_way_back_to_a_release_of_the_same_revision_says_which_one() -> None:
    older = "20261128T190000Z-3f2c1ab"
    steps = (Step(server="web1", action=SWITCH, current=tag(0)), Step(server="web2", action=SWITCH, current=older))
    plan = worded(
        Plan(kind="rollback", environment="production", tag=older, live=tag(0), steps=steps), RollbackRequest()
    )
    shown = text(plan)
    assert "Live     3f2c1ab@19:30 → 3f2c1ab@19:00" in shown and "new release" not in shown
    assert "(live there: 3f2c1ab@19:00)" in shown
    alone = replace(plan, live=tag(1), steps=())
    assert "→ 3f2c1ab\n" in text(alone) + "\n"
    known = [plain(spans) for spans in plan_lines(alone, 76, UNICODE, name=plan_names(alone, [tag(0)]))]
    assert "Live     9ab01cd → 3f2c1ab@19:00" in known, "another release that is there has that name, too"


def test_servers_with_long_names_do_not_look_alike() -> None:
    names = [f"shop-production-eu-central-1-frontend-{number:02d}" for number in range(1, 5)]
    shown = text(deploy(*map(upload, names)), cells=60)
    assert [line.split()[1] for line in shown.splitlines() if line.startswith("▸")] == ["…01", "…02", "…03", "…04"]
