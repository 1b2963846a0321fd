"""A plan on a terminal says what, where, for how much, and everything that is against it."""

from typing import Any

from msgspec.structs import replace

from core import DeployRequest, PruneRequest, RecoverRequest, RollbackRequest
from core.plan import NONE, REMOVE, SWITCH, UPLOAD, Plan, Refusal, Step
from core.records import Record
from tests.plans import worded
from tui.view.glyphs import UNICODE
from tui.view.lines import ENDLESS, plain
from tui.view.plan_lines import plan_lines

RECORD = Record(
    tag="20261121T193000Z-3f2c1ab",
    seq=3,
    created=0,
    revision="3f2c1ab9d8e7",
    subject="Fix cart totals",
    author="ana",
    ref="main",
    bytes=58_000_000,
    files=5000,
)


def printed(plan: Plan) -> list[str]:
    return [plain(spans) for spans in plan_lines(plan, ENDLESS, UNICODE, terminal=True)]


def deploy(*steps: Step, **more: Any) -> Plan:
    values: dict[str, Any] = {"environment": "production", "tag": RECORD.tag, "live": "old", "record": RECORD}
    return worded(Plan(**{**values, "steps": steps, **more}), DeployRequest())


def upload(server: str, current: str = "old", **more: Any) -> Step:
    values: dict[str, Any] = {"action": UPLOAD, "send_bytes": 1_200_000, "send_files": 50, "copy_bytes": 58_000_000}
    return Step(server=server, current=current, **{**values, **more})


def test_a_deploy_plan_reads_from_what_to_where_to_how_much():
    plan = deploy(upload("web1"), upload("web2", "older"), hooks=("prepare: composer install",), checks=("GET /",))
    assert printed(plan) == [
        "Live     old → 20261121T193000Z-3f2c1ab",
        "What     Fix cart totals",
        "Made     ana, main, 5,000 files, 58 MB",
        "Sends    2.4 MB to 2 servers",
        "",
        "▸ web1  send 1.2 MB in 50 files, copy 58 MB, switch",
        "▸ web2  send 1.2 MB in 50 files, copy 58 MB, switch (live there: older)",
        "",
        "Hook     prepare: composer install",
        "Check    GET /",
    ]


def test_a_prune_plan_names_every_release_and_the_bytes_in_all():
    steps = (
        Step(server="web1", action=REMOVE, prune=("a", "b"), frees=3_000_000),
        Step(server="web2", action=REMOVE, prune=("b",), frees=1_000_000),
    )
    lines = printed(worded(Plan(environment="production", steps=steps), PruneRequest()))
    assert "In all   frees 4.0 MB on 2 servers" in lines
    assert "Removes  a (web1), b" in lines


def test_every_refusal_is_named_with_its_server():
    plan = deploy(
        upload("web1"), upload("web2", refusal=Refusal("not enough space")), refusals=(Refusal("no such release"),)
    )
    lines = printed(plan)
    assert lines[lines.index("This cannot be done:") + 1] == "✗ no such release"
    assert "✗ web2  not enough space" in lines


def test_a_plan_without_work_says_so():
    lines = printed(deploy(Step(server="web1", action=NONE, current="old")))
    assert lines[-1] == "✓ nothing to do: every server is already as requested"


def test_many_servers_with_the_same_step_share_a_line():
    plan = deploy(*(upload(f"web{number}") for number in range(1, 50)), upload("db1", "older"))
    lines = printed(plan)
    assert "▸ web1-49 (49)  send 1.2 MB in 50 files, copy 58 MB, switch" in lines
    assert any(line.startswith("▸ db1 ") and line.endswith("(live there: older)") for line in lines)


def test_text_from_a_repository_or_server_cannot_write_on_the_terminal():
    record = Record(tag="t", seq=1, created=0, subject="evil \x1b[2J\x1b]0;title\x07\nline", revision="r")
    plan = deploy(upload("web1"), record=record, warnings=("web1: \x1b[31mred\nsecond line",))
    text = "\n".join(printed(plan))
    assert "\x1b" not in text and "\x07" not in text
    assert "What     evil line" in printed(plan)
    assert "! web1: red second line" in printed(plan)


def test_the_question_names_what_is_agreed_to():
    questions = {
        DeployRequest(): "Deploy to production?",
        RollbackRequest("r1"): "Roll production back?",
        PruneRequest(): "Prune on production?",
        PruneRequest(cache=True): "Clear the deploy-cache on production?",
    }
    for request, text in questions.items():
        assert worded(Plan(environment="production", tag="r1"), request).question == text


def test_a_rollback_to_kept_files_costs_a_switch_only():
    plan = Plan(
        environment="production",
        tag=RECORD.tag,
        record=RECORD,
        live="new",
        steps=(Step(server="web1", action=SWITCH, current="new"),),
    )
    lines = printed(worded(plan, RollbackRequest()))
    assert lines[0] == f"Live     new → {RECORD.tag}"
    assert "▸ web1  switch only" in lines


def test_a_recovery_says_its_way_and_closes_journals_even_where_nothing_switches():
    undo = Step(server="web1", action=SWITCH, current="two", back="releases/one")
    base = Plan(environment="production", tag="two", live="two")
    plan = worded(replace(base, steps=(undo,)), RecoverRequest("undo"))
    assert "▸ web1  switch back to releases/one" in printed(plan)
    assert plan.question == "Undo the interrupted operation on production?"
    finish = worded(replace(base, steps=(Step(server="web1", action=NONE),)), RecoverRequest("finish"))
    assert finish.question == "Finish the interrupted operation on production?"
    assert printed(finish)[-1] == "✓ no server switches: this marks the operation as closed"
