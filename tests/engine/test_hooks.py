"""Hooks and webhooks on real servers: when and where they run, what they are told, and what their failure means."""

from __future__ import annotations

import json
import os
import socket

import pytest

from core.errors import HookFailed
from core.events import HookFinished, HookOutput, HookStarted, Note, PhaseStarted, Switched
from tests.engine.driving import at_rest, live
from tests.engine.test_checks import OPEN, answering
from tests.processes import environ_of, process_ids
from tests.projects import hook
from tests.waiting import until
from tests.web_servers import Handler, serving

MOMENTS = ("prepare", "before-switch", "after-switch", "after-rollback", "success", "failure")


def log(place):
    path = place.files / "log"
    return path.read_text().splitlines() if path.exists() else []


def test_every_moment_has_its_place_in_the_order_and_its_folder(sshd, project_factory, engine):
    extra = "".join(
        hook(on, f'echo "{on} $(basename "$(pwd -P)") $(readlink "$TURNOUT_ROOT/current")" >> "$TURNOUT_ROOT/log"')
        for on in MOMENTS
    )
    project = project_factory([sshd], extra=extra + '[[checks]]\nrun = "test ! -e bad"\nattempts = 1\n')
    operator = engine(project)
    operator.deploy(tag="r1")
    assert log(sshd) == [
        "prepare r1 ",
        "before-switch r1 ",
        "after-switch r1 releases/r1",
        "success r1 releases/r1",
    ]
    project.commit({"index.html": "two\n"})
    operator.deploy(tag="r2")
    (sshd.files / "log").unlink()
    operator.rollback()
    assert log(sshd) == [
        "before-switch r1 releases/r2",
        "after-switch r1 releases/r1",
        "after-rollback r1 releases/r1",
        "success r1 releases/r1",
    ]
    (sshd.files / "log").unlink()
    project.commit({"bad": "x"})
    operator.fails(lambda: operator.deploy(tag="r3"))
    assert log(sshd) == [
        "prepare r3 releases/r1",
        "before-switch r3 releases/r1",
        "after-switch r3 releases/r3",
        "after-switch r1 releases/r1",
        "after-rollback r1 releases/r1",
        f"failure {sshd.alias} releases/r1",
    ]


def test_where_says_on_which_machine_a_hook_runs(servers, project_factory, engine, tmp_path):
    fleet = servers(3)
    extra = (
        hook("before-switch", 'echo all >> "$TURNOUT_ROOT/log"')
        + hook("before-switch", 'echo first >> "$TURNOUT_ROOT/log"', where="first-server")
        + hook("prepare", 'echo first-prepare >> "$TURNOUT_ROOT/log"', where="first-server")
        + hook(
            "before-switch", f'echo "$PWD $(env | grep -c TURNOUT_SERVER=)" >> {tmp_path}/operator', where="operator"
        )
        + hook("prepare", f"echo prepare >> {tmp_path}/operator", where="operator")
    )
    project = project_factory(fleet, extra=extra)
    operator = engine(project)
    operator.deploy()
    assert [log(server) for server in fleet] == [["first-prepare", "all", "first"], ["all"], ["all"]]
    assert (tmp_path / "operator").read_text().splitlines() == ["prepare", f"{project.folder} 0"]
    assert {event.server for event in operator.said(HookStarted)} == {"", "web1", "web2", "web3"}


def test_hooks_are_told_everything_about_the_release(servers, project_factory, engine, monkeypatch):
    fleet = servers(2)
    monkeypatch.setenv("TURNOUT_USER", "ana")
    extra = hook("after-switch", 'env | grep ^TURNOUT_ | sort > "$TURNOUT_ROOT/told"')
    project = project_factory(fleet, extra=extra)
    operator = engine(project)
    operator.deploy(tag="r1")
    revision = project.commit({"index.html": "two\n"})
    operator.deploy(tag="r2", ref="main", reason="cart empty")
    variables = dict(line.split("=", 1) for line in (fleet[1].files / "told").read_text().splitlines())
    who = variables.pop("TURNOUT_WHO")
    variables = {name: value for name, value in variables.items() if not name.startswith("TURNOUT_TEST")}
    assert who.startswith("ana@")
    assert variables == {
        "TURNOUT_PROJECT": "shop",
        "TURNOUT_ENVIRONMENT": "production",
        "TURNOUT_OPERATION": "deploy",
        "TURNOUT_REASON": "cart empty",
        "TURNOUT_TAG": "r2",
        "TURNOUT_REVISION": revision,
        "TURNOUT_REF": "main",
        "TURNOUT_PREVIOUS": "r1",
        "TURNOUT_SERVERS": "web1 web2",
        "TURNOUT_SERVER": "web2",
        "TURNOUT_ROOT": fleet[1].root,
        "TURNOUT_RELEASE_PATH": f"{fleet[1].root}/releases/r2",
        "TURNOUT_SHARED_PATH": f"{fleet[1].root}/shared",
    }


@pytest.mark.parametrize("where", ["server", "operator"])
def test_output_is_streamed_line_by_line_before_the_hook_ends(sshd, project_factory, engine, tmp_path, where):
    go = tmp_path / "go"
    wait = f"i=0; while [ ! -e {go} ] && [ $i -lt 1000 ]; do sleep 0.05; i=$((i+1)); done"
    extra = hook("before-switch", f"echo one; echo two >&2; {wait}; test -e {go} && echo three", where=where)
    operator = engine(project_factory([sshd], extra=extra))
    seen = []

    def watch(event):
        if isinstance(event, HookOutput):
            seen.append((event.line, bool(operator.said(HookFinished))))
            if len(seen) == 2:
                go.touch()

    operator.on_event = watch
    operator.deploy()
    assert seen == [("one", False), ("two", False), ("three", False)]
    assert [(event.status, event.on) for event in operator.said(HookFinished)] == [(0, "before-switch")]


def test_what_a_hook_prints_is_made_harmless(sshd, project_factory, engine):
    run = r"printf 'a\033[31mred\033[0m\tb\000c\377\n\033]0;title\007x\r50 %%\r100 %%\nno end'; printf '\n%20000s' ''"
    operator = engine(project_factory([sshd], extra=hook("success", run)))
    operator.deploy()
    lines = [event.line for event in operator.said(HookOutput)]
    assert lines[1:3] == ["100 %", "no end"]
    assert lines[0].startswith("ared") and not any(ord(char) < 32 for line in lines for char in line)
    assert sum(map(len, lines[3:])) <= 20_000 + 10


def test_a_hook_that_prints_much_holds_nothing_up(sshd, project_factory, engine):
    operator = engine(project_factory([sshd], extra=hook("prepare", "seq 1 20000")))
    operator.deploy()
    assert [event.line for event in operator.said(HookOutput)] == [str(number) for number in range(1, 20001)]


def marked(word):
    """Processes with a variable in their environment."""
    return [pid for pid in process_ids() if f"MARK={word}".encode() in environ_of(pid)]


@pytest.mark.parametrize("where", ["server", "operator", "busybox"])
def test_a_hook_that_takes_too_long_is_ended_with_all_its_processes(
    shell_server, project_factory, engine, tmp_path, where
):
    place = shell_server("busybox" if where == "busybox" else "bash")
    word = tmp_path.name
    run = f'export MARK={word}; trap "" TERM; sleep 600 & sh -c "trap : TERM; sleep 601; sleep 602" & wait; sleep 603'
    extra = hook("before-switch", run, where="operator" if where == "operator" else "server", timeout="1s")
    operator = engine(project_factory([place], extra=extra))
    error = operator.fails(operator.deploy, HookFailed, "took longer than 1.0 s")
    assert error.phase
    assert [event.status for event in operator.said(HookFinished)] == [None]
    assert live(place) == ""
    until(lambda: not marked(word), "the hook's processes are gone")
    at_rest([place])


def test_a_hook_that_leaves_a_daemon_behind_does_not_hold_the_deploy(sshd, project_factory, engine):
    run = 'nohup sleep 30 > /dev/null 2>&1 & echo $! > "$TURNOUT_ROOT/daemon"'
    operator = engine(project_factory([sshd], extra=hook("after-switch", run)))
    operator.deploy()
    pid = int((sshd.files / "daemon").read_text())
    os.kill(pid, 9)  # ProcessLookupError where the hook's end had ended it


@pytest.mark.parametrize("where", ["server", "operator"])
def test_a_success_hook_that_fails_is_a_warning(sshd, project_factory, engine, where):
    operator = engine(project_factory([sshd], extra=hook("success", "echo sorry; exit 4", where=where)))
    result = operator.deploy()
    assert result.exit_code == 0 and live(sshd) == result.tag
    assert any("status 4" in warning and "sorry" in warning for warning in result.warnings)
    assert operator.said(Note, level="warning")
    at_rest([sshd])


def test_a_hook_has_no_input_and_ends_where_it_waits_for_some(sshd, project_factory, engine):
    operator = engine(project_factory([sshd], extra=hook("prepare", "cat; read -r x; echo $?", timeout="20s")))
    operator.deploy()
    assert [event.line for event in operator.said(HookOutput)] == ["1"]


def test_hooks_of_one_moment_run_one_after_the_other_and_stop_at_the_first_failure(servers, project_factory, engine):
    fleet = servers(2)
    extra = (
        hook("before-switch", 'sleep 0.2; echo 1 >> "$TURNOUT_ROOT/log"')
        + hook("before-switch", 'echo 2 >> "$TURNOUT_ROOT/log"; test $TURNOUT_SERVER = web1')
        + hook("before-switch", 'echo 3 >> "$TURNOUT_ROOT/log"')
    )
    operator = engine(project_factory(fleet, extra=extra))
    error = operator.fails(operator.deploy, HookFailed)
    assert error.server == "web2"
    assert [log(server) for server in fleet] == [["1", "2"], ["1", "2"]]
    assert [live(server) for server in fleet] == ["", ""]


@pytest.fixture
def receiver():
    """A local web server that keeps what is posted to it; `answer` is what it says."""

    class Receiver(Handler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            server.got.append((self.path, self.headers["Content-Type"], json.loads(self.rfile.read(length))))
            self.wfile.write(server.answer)
            self.close_connection = True

    with serving(Receiver) as server:
        server.got = []
        server.answer = b"HTTP/1.0 204 No Content\r\n\r\n"
        yield server


def webhook(on):
    return f'\n[[hooks]]\non = "{on}"\nwebhook = "${{HOOK_URL}}"\n'


def test_a_webhook_gets_json_with_a_text_once_and_its_address_is_never_said(
    servers, project_factory, engine, receiver, monkeypatch
):
    url = f"http://127.0.0.1:{receiver.server_address[1]}/services/T0/S3CRET"
    monkeypatch.setenv("HOOK_URL", url)
    fleet = servers(2)
    operator = engine(project_factory(fleet, extra=webhook("success") + webhook("before-switch")))
    operator.deploy(tag="r1")
    assert [path for path, _, _ in receiver.got] == ["/services/T0/S3CRET"] * 2
    _, kind, body = receiver.got[1]
    assert kind == "application/json"
    assert body["text"] == "shop: success r1" and body["tag"] == "r1" and body["servers"] == "web1 web2"
    at_rest(fleet)
    said = json.dumps([event.to_json() for event in operator.events]) + "".join(
        path.read_text(errors="replace")
        for server in fleet
        for path in (server.files / ".turnout").rglob("*")
        if path.is_file()
    )
    assert "S3CRET" not in said and url not in said


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 500 Oh\r\n\r\n",
        b"this is no HTTP\r\n",
        b"",
        b"HTTP/1.0 302 Found\r\nLocation: http://nowhere.invalid/S3CRET\r\n\r\n",
    ],
    ids=["500", "garbage", "nothing", "redirect"],
)
@pytest.mark.parametrize("moment", ["before-switch", "after-switch", "success"])
def test_a_webhook_that_fails_fails_as_a_hook_does_and_says_no_address(
    sshd, project_factory, engine, receiver, monkeypatch, answer, moment
):
    receiver.answer = answer
    monkeypatch.setenv("HOOK_URL", f"http://127.0.0.1:{receiver.server_address[1]}/S3CRET")
    operator = engine(project_factory([sshd], extra=webhook(moment)))
    if moment == "success":
        result = operator.deploy()
        assert "the webhook failed" in result.warnings[0]
        said = str(result)
    else:
        error = operator.fails(operator.deploy, HookFailed, "the webhook failed")
        assert live(sshd) == ""
        said = str(error)
    assert "S3CRET" not in said + json.dumps([event.to_json() for event in operator.events])
    operator.well_formed()
    at_rest([sshd])


def test_a_webhook_that_nobody_answers_does_not_hold_the_deploy_for_long(sshd, project_factory, engine, monkeypatch):
    from core.hooks import webhook as webhooks

    monkeypatch.setattr(webhooks, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HOOK_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/S3CRET")
        operator = engine(project_factory([sshd], extra=webhook("success")))
        result = operator.deploy()
    assert live(sshd) == result.tag and "timed out" in result.warnings[0]


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 204 OK\r\nConnection: keep-alive\r\n\r\n"])
def test_a_webhook_ends_with_the_status_of_its_answer(sshd, project_factory, engine, monkeypatch, head):
    with answering(head, b"ok", *OPEN) as port:
        monkeypatch.setenv("HOOK_URL", f"http://127.0.0.1:{port}/")
        operator = engine(project_factory([sshd], extra=webhook("success")))
        result = operator.deploy()
    assert result.warnings == ()
    assert [event.status for event in operator.said(HookFinished)] == [0]


def test_a_webhook_whose_answer_drips_has_its_time_as_a_whole(sshd, project_factory, engine, monkeypatch):
    from core.hooks import webhook as webhooks

    monkeypatch.setattr(webhooks, "TIMEOUT", 0.5)
    with answering(*[b"HTTP/1.1 200 OK\r\n", *[b"X-More: x\r\n"] * 80], *OPEN) as port:
        monkeypatch.setenv("HOOK_URL", f"http://127.0.0.1:{port}/")
        operator = engine(project_factory([sshd], extra=webhook("success")))
        result = operator.deploy()
    assert "timed out: no answer within 0.5 s" in result.warnings[0]


def test_a_secret_in_a_hook_is_masked_wherever_it_is_said(sshd, project_factory, engine, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "hunter2-and-more")
    extra = hook("before-switch", "echo with ${API_TOKEN}; exit 1")
    operator = engine(project_factory([sshd], extra=extra))
    error = operator.fails(operator.deploy, HookFailed)
    assert operator.said(HookOutput)[0].line == "with ***"
    at_rest([sshd])
    kept = "".join(path.read_text() for path in (sshd.files / ".turnout").rglob("*") if path.is_file())
    said = str(error) + repr(error.__cause__) + json.dumps([event.to_json() for event in operator.events]) + kept
    assert "hunter2" not in said


def test_the_barrier_waits_for_the_before_switch_hooks_of_all(servers, project_factory, engine):
    fleet = servers(3)
    wait = 'i=0; while [ ! -e "$TURNOUT_ROOT/go" ] && [ $i -lt 600 ]; do sleep 0.05; i=$((i+1)); done'
    run = f"test $TURNOUT_SERVER != web2 || {{ {wait}; }}"
    operator = engine(project_factory(fleet, extra=hook("before-switch", run)))

    def watch(event):
        if isinstance(event, HookFinished) and event.server == "web3":
            assert not operator.said(Switched) and not operator.said(PhaseStarted, phase="switch")
            (fleet[1].files / "go").touch()

    operator.on_event = watch
    operator.deploy()
    assert len(operator.said(Switched)) == 3
