"""What the command says: lines for people, JSON lines for programs, and what happens when nobody reads any more."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core import events
from core.doctor import Finding
from core.errors import FleetError, LockedError, ServerError
from core.records import Record, Release, ServerState
from tui.cli.narration import UPLOAD_EVERY, Narrator
from tui.cli.output import JsonOutput, TextOutput
from tui.cli.streams import Stream
from tui.cli.tables import finding_lines, finding_summary, release_legend, release_lines, release_rows
from tui.view.glyphs import ASCII, UNICODE

ROOT = Path(__file__).parents[2]


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
        "       build: making the tree",
        "web1   upload 1.2 s",
        "web1   stage FAILED after 2.0 s",
        "web10  prepare: make",
        "web10  | built",
        "web10  prepare: ended with status 2, 3.0 s",
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
    output.mask = lambda text: text.replace(secret, "***")
    output.events([events.HookOutput(server="web1", on="prepare", line=f"token={secret}")])
    output.events([events.PlanMade(plan={"hooks": [f"curl {secret}"]})])
    output.error(ServerError("failed", detail=secret))
    output.result({"exit_code": 1, "summary": secret})
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


def test_findings_read_server_by_server_with_what_to_do():
    findings = {
        "web1": [Finding("tar", "ok", "GNU tar 1.35"), Finding("clock", "warning", "13 s behind", "run ntpd")],
        "web2": [Finding("connection", "error", "refused\nin two lines \x1b[2J")],
    }
    assert finding_lines(findings, UNICODE) == [
        "web1",
        "  ✓ ok       tar         GNU tar 1.35",
        "  ! warning  clock       13 s behind",
        "                         -> run ntpd",
        "",
        "web2",
        "  ✗ error    connection  refused in two lines",
    ]
    assert finding_summary(findings) == "2 servers checked: 1 error, 1 warning"
    assert finding_summary({"web1": findings["web1"][:1]}) == "1 server checked: nothing stands in the way"


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
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
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


def state(server: str, *releases: Release, current: str = "") -> ServerState:
    return ServerState(
        server=server,
        root="/srv",
        current=current,
        current_kind="link" if current else "absent",
        releases={release.tag: release for release in releases},
    )


def release(tag: str, seq: int, *, present: bool = True, live: bool = False, **more: object) -> Release:
    record = Record(tag=tag, seq=seq, created=1000.0 * seq, by="ana@laptop", bytes=58_000_000, **more)  # type: ignore[arg-type]
    return Release(tag=tag, record=record, present=present, live=live)


FLEET = {
    "web1": state(
        "web1",
        release("t1", 1, present=False, subject="Old"),
        release("t2", 2, failed="HTTP 500", subject="Bad 日本語"),
        release("t3", 3, live=True, subject="Good"),
        current="t3",
    ),
    "web2": state("web2", release("t3", 3, subject="Good")),
}


def test_the_matrix_has_a_line_a_release_and_a_column_a_server():
    lines = release_lines(FLEET, ["web1", "web2", "web3"], UNICODE, now=3034.0)
    assert lines == [
        "release  what                           by          age     size   web1  web2  web3",
        "t3       Good                           ana@laptop  34 s    58 MB  ●     ○     ?",
        "t2       [failed: HTTP 500] Bad 日本語  ana@laptop  17 min  58 MB  ✗     ·     ?",
        "t1       Old                            ana@laptop  34 min  58 MB  ◌     ·     ?",
    ]


def test_a_narrow_terminal_gets_the_signs_side_by_side_and_every_line_fits():
    servers = [f"webserver{number}" for number in range(1, 13)]
    states = {server: state(server, release("t1", 1, subject="x" * 200), current="t1") for server in servers}
    lines = release_lines(states, servers, ASCII, now=1060.0, columns=80)
    assert lines[1].endswith("o" * 12)
    assert max(len(line) for line in lines) <= 80
    assert lines[0].endswith("servers")


def test_release_objects_tell_each_server_in_a_word():
    rows = release_rows(FLEET, ["web1", "web2", "web3"])
    assert [row["tag"] for row in rows] == ["t3", "t2", "t1"]
    assert rows[0]["live"] is True
    assert rows[0]["servers"] == {"web1": "live", "web2": "kept", "web3": "unknown"}
    assert rows[1]["servers"] == {"web1": "failed", "web2": "absent", "web3": "unknown"}
    assert rows[1]["failed"] == "HTTP 500"
    assert rows[2]["servers"] == {"web1": "pruned", "web2": "absent", "web3": "unknown"}
    json.dumps(rows)


def test_the_legend_explains_just_the_signs_in_use():
    rows = release_rows({"web2": FLEET["web2"]}, ["web2"])
    assert release_legend(ASCII, rows) == "o kept, a switch away"
