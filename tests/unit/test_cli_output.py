"""What the command says: lines for people, JSON lines for programs, and what happens when nobody reads any more."""

import io
import json
import os
import subprocess
import sys

import pytest

from core import events
from core.errors import FleetError, LockedError, ServerError
from core.masking import Masking
from core.plan import Plan
from tests import REPOSITORY
from tui.cli.json_output import JsonOutput
from tui.cli.output import TextOutput
from tui.cli.streams import Stream
from tui.view.glyphs import UNICODE
from tui.view.log import UPLOAD_EVERY, Narrator


def started(*servers: str) -> events.OperationStarted:
    return events.OperationStarted(kind="deploy", environment="production", servers=servers, tag="t2")


def test_narration_says_each_thing_once_with_its_server():
    said = []
    narrator = Narrator()
    for event in (
        started("web1", "web10"),
        events.PhaseStarted(phase="build"),
        events.PhaseFinished(server="web1", phase="upload", seconds=1.25),
        events.PhaseFinished(server="web1", phase="stage", seconds=2, outcome="failed"),
        events.PhaseFinished(server="web1", phase="check", seconds=2, outcome="skipped"),
        events.HookStarted(server="web10", on="prepare", run="make"),
        events.HookOutput(server="web10", on="prepare", line="built\x1b[31m"),
        events.HookFinished(server="web10", on="prepare", run="make", status=2, seconds=3),
        events.CheckAttempted(server="web1", check="GET /", attempt=1, attempts=3, passed=False, detail="refused"),
        events.CheckAttempted(server="web1", check="GET /", attempt=2, attempts=3, passed=True),
        events.Switched(server="web1", tag="t2", previous="t1"),
        events.Switched(server="web1", tag="t1", previous="t2", back=True),
        events.Note(text="clock differs", level="warning"),
        events.ServerFailed(server="web10", phase="stage", title="hook failed"),
    ):
        said += narrator.lines(event)
    assert said == [
        "deploy t2 on production (web1, web10)",
        "       build started",
        "web1   upload done in 1.2 s",
        "web1   stage FAILED after 2.0 s",
        "web10  prepare hook: make",
        "web10  | built",
        "web10  prepare hook: exit status 2, 3.0 s",
        "web1   check GET /: not yet, attempt 1 of 3: refused",
        "web1   check GET /: passed",
        "web1   live now: t2 (before: t1)",
        "web1   switched back to t1",
        "       warning: clock differs",
        "web10  FAILED in stage: hook failed",
    ]


def test_a_log_shows_an_upload_alive_without_a_flood():
    narrator = Narrator()
    said = []
    for second in range(60):
        said += narrator.lines(
            events.UploadProgress(server="web1", sent=second * 1_000_000, total=60_000_000, time=float(second))
        )
    assert len(said) == int(59 / UPLOAD_EVERY)
    assert (
        said[0] == "web1  upload: 10 MB of 60 MB, 16 %"
        or said[0] == "upload: 10 MB of 60 MB, 16 %"
        or "16 %" in said[0]
    )


def test_a_cancel_says_what_it_means_before_and_after_the_switch():
    narrator = Narrator()
    narrator.lines(started("web1", "web2"))
    assert "nothing has been switched" in narrator.cancelling(again=False)
    narrator.lines(events.Switched(server="web1", tag="t2", previous="t1"))
    assert "web1 had been switched and will be switched back" in narrator.cancelling(again=False)
    narrator.lines(events.PhaseStarted(server="web2", phase="switch"))
    assert "web2: switch" in narrator.cancelling(again=True)
    narrator.lines(events.Switched(server="web1", tag="t1", previous="t2", back=True))
    assert "nothing has been switched" in narrator.cancelling(again=False)
    narrator.lines(events.PhaseStarted(phase="finish"))
    assert "too late to cancel" in narrator.cancelling(again=False)


def json_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.err == ""
    return [json.loads(line) for line in captured.out.splitlines()]


def test_json_lines_mask_secrets_that_json_would_escape(capsys):
    secret = 'top"sécret\\'
    output = JsonOutput()
    output.mask = Masking([secret])
    output.events([events.HookOutput(server="web1", on="prepare", line=f"token={secret}")])
    output.events([events.PlanMade(plan={"hooks": [f"curl {secret}"]})])
    output.error(ServerError("failed", detail=secret))
    output.result({"exit_code": 1, "outcome": "failed", "summary": secret})
    lines = json_lines(capsys)
    assert [line["event"] for line in lines] == ["hook-output", "plan-made", "error", "result"]
    assert secret not in json.dumps(lines, ensure_ascii=False) and "top" not in json.dumps(lines)
    assert lines[0]["line"] == "token=***"


def test_json_events_read_back_as_the_events_they_were(capsys):
    output = JsonOutput()
    said = [
        started("web1"),
        events.UploadProgress(server="web1", sent=1, total=2),
        events.HookOutput(server="web1", on="prepare", line="\udcff emoji 🚀"),
    ]
    output.events(said)
    lines = json_lines(capsys)
    assert lines[2]["line"] == "\udcff emoji 🚀"
    assert [events.from_json(line) for line in lines[:2]] == said[:2]


def test_errors_of_several_servers_are_one_json_line_each(capsys):
    JsonOutput().error(FleetError({"web1": LockedError("locked"), "web2": ServerError("broken")}, phase="begin"))
    lines = json_lines(capsys)
    assert [(line["server"], line["exit_code"], line["type"]) for line in lines] == [
        ("web1", 4, "LockedError"),
        ("web2", 1, "ServerError"),
    ]


def test_text_goes_to_stderr_and_results_to_stdout(capsys):
    output = TextOutput()
    output.mask = lambda text: text.replace("hunter2", "***")
    output.events([started("web1"), events.Note(text="password hunter2 \x1b[2J")])
    output.error(ServerError("boom", hint="do this", server="web1", phase="stage"))
    output.result({"exit_code": 0, "outcome": "done", "summary": "deployed t2 hunter2", "warnings": ["slow"]})
    captured = capsys.readouterr()
    assert captured.out == "deployed t2 ***\n"
    assert captured.err.splitlines() == [
        "deploy t2 on production (web1)",
        "      password ***",
        "error: web1, stage: boom",
        "  -> do this",
        "warning: slow",
    ]


def test_a_failure_is_not_said_twice(capsys):
    output = TextOutput()
    output.error(ServerError("boom"))
    output.result({"exit_code": 1, "outcome": "failed", "summary": "boom (web1, stage)"})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: boom\n"


def test_a_reader_that_goes_away_stops_nothing():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as file:
        stream = Stream(file)
        stream.write(["first"])
        assert stream.closed
        stream.write(["second"])


def test_a_closed_pipe_leaves_no_traceback_at_exit():
    code = "from tui.cli.streams import stdout\nfor n in range(100000): stdout().write([str(n)])"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0


def test_an_encoding_without_our_glyphs_gets_ascii():
    raw = io.BytesIO()
    stream = Stream(io.TextIOWrapper(raw, encoding="latin-1"))
    assert not stream.can_show(UNICODE.live)
    stream.write(["● ok"])
    assert raw.getvalue() == b"\\u25cf ok\n"


def test_what_a_plan_warns_of_is_said_also_where_nobody_was_asked(capsys):
    made = events.PlanMade(plan={"warnings": ["r1 is marked bad by Deployer\x1b[31m"]})
    output = TextOutput({})
    output.events([made])
    assert capsys.readouterr().err == "warning: r1 is marked bad by Deployer\n"
    output.plan(Plan(environment="production", tag="r1", live="", steps=()), asked=True)
    capsys.readouterr()
    output.events([made])
    assert capsys.readouterr().err == ""
