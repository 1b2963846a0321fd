"""A build that is used again is said wherever a deploy is planned or carried out, and `--rebuild` makes it anew."""

from __future__ import annotations

from core import DeployRequest
from core.events import Note, PlanMade
from tests.engine.commands import turnout_json
from tests.engine.driving import live


def test_a_build_that_is_used_again_is_said(sshd, project_factory, engine, tmp_path):
    count = tmp_path / "count"
    build = [f"echo x >> {count}; wc -l < {count} > out"]
    project = project_factory([sshd], source_options={"build": build})
    operator = engine(project)
    first = operator.deploy(tag="r1")
    assert first.plan.build == "" and not operator.said(Note)
    again = operator.deploy(tag="r2")
    assert again.plan.build.startswith("reused, made 20") and live(sshd) == "r2"
    (said,) = operator.said(Note)
    assert said.text.startswith("build reused, made 20") and "--rebuild" in said.text
    assert [event.plan["build"] for event in operator.said(PlanMade)] == ["", again.plan.build]
    assert count.read_text() == "x\n"
    request = DeployRequest(tag="r3", rebuild=True)
    plan = operator.plan(request)
    assert plan.build == "" and count.read_text() == "x\nx\n"
    operator.run(request, plan)
    assert live(sshd) == "r3" and count.read_text() == "x\nx\n", "what the plan has built is not built twice"


def test_the_command_takes_rebuild(sshd, project_factory, tmp_path):
    count = tmp_path / "count"
    project = project_factory([sshd], source_options={"build": [f"echo x >> {count}; cp {count} out"]})

    def run(*more: str):
        code, events = turnout_json(project, "deploy", *more)
        assert code == 0
        return events

    run("--yes", "--tag", "r1")
    (plan,) = [event["plan"] for event in run("--dry-run", "--tag", "r2") if event["event"] == "plan-made"]
    assert plan["build"].startswith("reused, made ")
    events = run("--yes", "--tag", "r2", "--rebuild")
    assert events[-1]["outcome"] == "done" and count.read_text() == "x\nx\n"
    assert not [event for event in events if event["event"] == "note"]
