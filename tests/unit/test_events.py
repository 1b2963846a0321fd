"""Events written and read again: what came from a server is of its kind and harmless, or no event."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import events
from core.events import HookOutput, OperationFinished, OperationStarted, PlanMade, Switched, UploadProgress, from_json

SAID = [
    OperationStarted(operation="0a", kind="deploy", environment="production", servers=("web1", "web2"), tag="one"),
    PlanMade(operation="0a", plan={"tag": "one", "steps": [{"server": "web1", "prune": []}]}),
    UploadProgress(operation="0a", server="web1", sent=5, total=10, files=1, files_total=2),
    events.HookFinished(operation="0a", server="web1", on="prepare", run="make", status=None, seconds=0.5),
    Switched(operation="0a", server="web1", tag="two", previous="one", back=True),
    events.kept("one", events.IN_USE, operation="0a", server="web1"),
    events.Asked(operation="0a", question={"id": "1f", "choices": [{"name": "go", "text": "switches"}]}),
    events.Answered(operation="0a", question="1f", kind="hold", choice="go", by="bo@laptop", seconds=4.5),
    OperationFinished(operation="0a", kind="deploy", outcome="done", exit_code=0, seconds=3, summary="done"),
]


@pytest.mark.parametrize("event", SAID, ids=lambda event: event.name)
def test_what_was_written_is_read_again(event: events.Event) -> None:
    assert from_json(json.loads(json.dumps(event.to_json()))) == event


def test_every_field_of_every_kind_can_be_read() -> None:
    kinds = {written for kind in events.KINDS.values() for written in events._written_types(kind).values()}
    assert kinds == set(events._SHAPES)


def test_texts_of_a_server_are_made_harmless() -> None:
    event = from_json({"event": "hook-output", "on": "prepare", "line": "a\x1b[31mb\x9b", "server": "web1\x07"})
    assert isinstance(event, HookOutput)
    assert (event.line, event.server) == ("ab", "web1")
    plan = from_json({"event": "plan-made", "plan": {"tag": "\x1b]0;x\x07two", "steps": [{"price": "\x08y"}]}})
    assert isinstance(plan, PlanMade)
    assert plan.plan == {"tag": "two", "steps": [{"price": "y"}]}


@pytest.mark.parametrize(
    "data",
    [
        {"event": "upload-progress", "sent": "5", "total": 10},
        {"event": "upload-progress", "sent": 10**400, "total": 10},
        {"event": "upload-progress", "sent": 1.5, "total": 10},
        {"event": "upload-progress", "sent": True, "total": 10},
        {"event": "phase-started", "phase": "upload", "time": 1e300},
        {"event": "phase-started", "phase": "upload", "time": float("nan")},
        {"event": "phase-started", "phase": ["upload"]},
        {"event": "phase-started"},
        {"event": "operation-started", "kind": "deploy", "environment": "e", "servers": [1]},
        {"event": "plan-made", "plan": "no"},
        {"event": "switched", "tag": "a", "previous": "b", "back": 1},
        {"event": ["switched"]},
        ["switched"],
        "switched",
        None,
    ],
)
def test_what_is_not_of_its_kind_is_not_an_event(data: object) -> None:
    assert from_json(data) is None


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
       st.sampled_from(sorted(events.KINDS)))  # fmt: skip
def test_nothing_that_a_server_says_breaks_the_reader(value: object, kind: str) -> None:
    fields = dict.fromkeys(events.KINDS[kind].__struct_fields__, value)
    for data in (value, {"event": kind, **fields}):
        event = from_json(data)
        assert event is None or json.dumps(event.to_json())
