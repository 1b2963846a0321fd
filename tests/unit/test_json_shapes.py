"""The JSON of --json keeps its shapes: what the code writes is what docs/json.md promises, key by key."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import types
from typing import Any, get_args, get_type_hints

import pytest
from msgspec.structs import asdict

from core import errors, events, questions
from core.changes import Commit, PlanChanges
from core.doctor import Finding
from core.drift import Drift
from core.plan import DEPLOY, UPLOAD, Plan, Refusal, Step
from core.records import Lock
from core.recovery import Before, Interruption
from core.rows import answers as answers_rows
from core.rows import past as past_rows
from core.rows import plan as plan_rows
from core.rows import servers as servers_rows
from core.rows import shapes as shapes_rows
from core.version import FORMAT
from tests.shapes import EVERY_EVENT, HEAD, PAGE, Shape, faults, keeps_its_shape, promised, shape_of
from tests.tui.recorded import NOW, record, state, tag
from tui.cli.arguments import parse
from tui.cli.parsing import BadUsage

TYPES: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    list[str]: "list of texts",
    list[list[str]]: "list of lists",
    tuple[str, ...]: "list of texts",
    dict[str, str]: "texts by name",
    dict[str, int]: "numbers by name",
    plan_rows.RecordRow: "record",
    list[plan_rows.StepRow]: "list of steps",
    plan_rows.ChangesRow: "changes",
    plan_rows.UndoesRow: "undoes",
    dict[str, float]: "seconds by name",
    list[plan_rows.CommitNameRow]: "list of commits",
    list[questions.ChoiceRow]: "list of choices",
    questions.QuestionRow: "question",
    list[past_rows.AnswerRow]: "list of answers",
}
OBJECTS = {(events.PlanMade, "plan"): "plan", (events.Asked, "question"): "question"}
"""What the objects of events are."""


def type_name(hint: Any) -> str:
    """A type of Python in the words of the page."""
    if isinstance(hint, types.UnionType) or type(None) in get_args(hint):
        (present,) = (part for part in get_args(hint) if part is not type(None))
        return f"{type_name(present)} or null"
    return TYPES[hint]


def shape(row: Any) -> Shape:
    optional: frozenset[str] = row.__optional_keys__
    return {key: type_name(hint) + ", optional" * (key in optional) for key, hint in get_type_hints(row).items()}


def event_shape(kind: type[events.Event]) -> Shape:
    hints = get_type_hints(kind)
    return {**HEAD, **{name: OBJECTS.get((kind, name)) or type_name(hints[name]) for name in kind.__struct_fields__}}


def test_the_format_is_the_first_until_a_shape_changes() -> None:
    assert FORMAT == 1
    assert "`format`, which is 1" in PAGE.read_text("utf-8")


def test_the_page_has_every_shape_and_no_other() -> None:
    parts = {"plan", "step", "question", "choice", "answer", "record", "changes", "commit-name", "undoes", EVERY_EVENT}
    assert set(promised()) - parts == shapes_rows.ROWS.keys() | events.KINDS.keys()


@pytest.mark.parametrize("name", shapes_rows.ROWS)
def test_rows_have_the_keys_and_types_of_the_page(name: str) -> None:
    assert shape(shapes_rows.ROWS[name]) == shape_of(name)


@pytest.mark.parametrize("name", events.KINDS)
def test_events_have_the_keys_and_types_of_the_page(name: str) -> None:
    assert event_shape(events.KINDS[name]) == shape_of(name)


PARTS = {
    "plan": plan_rows.PlanRow,
    "step": plan_rows.StepRow,
    "record": plan_rows.RecordRow,
    "changes": plan_rows.ChangesRow,
    "commit-name": plan_rows.CommitNameRow,
    "undoes": plan_rows.UndoesRow,
    "question": questions.QuestionRow,
    "choice": questions.ChoiceRow,
    "answer": past_rows.AnswerRow,
}


@pytest.mark.parametrize(("name", "row"), PARTS.items())
def test_a_plan_has_the_keys_and_types_of_the_page(name: str, row: type) -> None:
    assert shape(row) == promised()[name]


def takes_json(command: str) -> bool:
    try:
        named = command in ("pin", "unpin", "block", "unblock", "log", "answer")
        parse([command, *(["production", "one"] if named else []), "--json"])
    except BadUsage:
        return False
    return True


def test_the_page_names_every_command_that_takes_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    commands = set(re.findall(r"^    ([a-z]+)  ", capsys.readouterr().out, re.MULTILINE))
    assert {"deploy", "releases", "init"} <= commands
    rows_of_table = re.findall(r"^\| (`[^|]+) \|", PAGE.read_text("utf-8").partition("\n## ")[0], re.MULTILINE)
    named = set(re.findall(r"`([a-z]+)`", "".join(rows_of_table)))
    assert named == {command for command in commands if takes_json(command)}


INTERRUPTION = Interruption(
    operation="0a", kind="deploy", who="ana@ci", time=NOW, phase="switch", tag=tag(0),
    switched={"web1": Before(tag=tag(1), target=f"releases/{tag(1)}")}, waiting=("web2",),
)  # fmt: skip
LOCK = Lock(operation="0a", kind="deploy", who="ana@ci", since=NOW, age=4, silence=1, phase="upload")
PLAN = Plan(
    kind=DEPLOY, environment="production", tag=tag(0), live=tag(1), record=record(0), hooks=("prepare",),
    steps=(Step(server="web1", action=UPLOAD, prune=(tag(5),), sizes={tag(5): 1}), Step(server="web2", action=UPLOAD)),
    refusals=(Refusal("no"),),
    changes=PlanChanges(old=tag(1), new=tag(0), added=1, added_named=(Commit("3f2c1ab", "Fix", "ana", NOW),)),
)  # fmt: skip
ENDED = {"exit_code": 0, "outcome": "done", "summary": ""}
FLEET = {"web1": state("web1", lock=LOCK), "web2": state("web2", 1)}


@pytest.mark.parametrize(
    "written",
    [
        *servers_rows.release_rows(FLEET, ["web1", "web2", "web3"]),
        *answers_rows.warning_rows(["clocks differ"]),
        *servers_rows.lock_rows(FLEET),
        servers_rows.lock_row("", LOCK),
        servers_rows.interruption_row(INTERRUPTION, NOW),
        servers_rows.finding_row("web1", **asdict(Finding("tar", "ok", "GNU tar"))),
        *servers_rows.drift_rows({"web1": Drift(changed=(b"\xff",))}, ["web2"], tag(0)),
        *servers_rows.current_rows({"web1": "it leads nowhere"}),
        servers_rows.host_key_row(("web1",), "known", host="web1", type="ssh-ed25519", fingerprint="SHA256:x"),
        answers_rows.error_row(errors.LockedError("locked", server="web1")),
        answers_rows.result_row(ENDED),
        answers_rows.result_row(
            {"exit_code": 0, "outcome": "done", "summary": "", "round_trips": {"web1": 3}, "releases": 2}
        ),
        answers_rows.event_row(events.PlanMade(plan=dict(plan_rows.plan_row(PLAN)))),
        answers_rows.event_row(events.OperationStarted(kind="deploy", environment="production", servers=("web1",))),
        answers_rows.event_row(events.Pruned(server="web1", tag="one")),
    ],
    ids=lambda row: row["event"],
)
def test_what_is_written_is_as_the_page_has_it(written: dict[str, Any]) -> None:
    keeps_its_shape(json.loads(json.dumps(written)))


def test_an_object_of_another_shape_is_noticed() -> None:
    row = dict(servers_rows.lock_row("web1", LOCK))
    assert faults({**row, "age": "4"}, shape_of("lock")) == ["age is not number: '4'"]
    assert faults({**row, "more": 1}, shape_of("lock")) == ["more is not on the page"]
    del row["phase"]
    assert faults(row, shape_of("lock")) == ["phase is missing"]


@pytest.mark.parametrize(
    "words", [["deploy", "--json", "--nonsense"], ["deploy", "--json"], ["releases", "--json", "--config", "/nowhere"]]
)
def test_what_ends_before_it_begins_keeps_the_shapes_too(words: list[str], tmp_path: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", *words], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(PAGE.parents[1]), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )  # fmt: skip
    written = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["event"] for row in written] == ["error", "result"] and done.stderr == ""
    for row in written:
        keeps_its_shape(row)


def test_a_machine_that_cannot_run_turnout_keeps_the_shapes_too(capsys: pytest.CaptureFixture[str]) -> None:
    from tui.cli import _ended

    _ended("no memory", True, 2, "failed", "traceback")
    for line in capsys.readouterr().out.splitlines():
        keeps_its_shape(json.loads(line))
