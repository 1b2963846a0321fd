"""What checks can ask for beyond one good answer: before the switch, several times, for a while, JSON and logs."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
import time

import pytest
import tomli_w

from core import DeployRequest, examine
from core.errors import Cancelled, CheckFailed
from core.events import Answered, Asked, CheckAttempted, Switched
from tests.engine.commands import turnout, turnout_json
from tests.engine.driving import at_rest, live, record
from tests.servers import need
from tests.web_servers import Handler, serving


def checks(*tables):
    """TOML of these checks; what has a table as its value is written with dots."""
    text = ""
    for table in tables:
        flat = {key: value for key, value in table.items() if not isinstance(value, dict)}
        text += f"\n[[checks]]\n{tomli_w.dumps(flat)}"
        for key, value in table.items():
            text += "".join(f'{key}."{name}" = "{each}"\n' for name, each in value.items()) if key not in flat else ""
    return text


def test_a_check_that_only_a_deploy_can_try_is_said_to_be_there(sshd, project_factory, engine):
    staged = {"run": "true", "when": "staged"}
    for tables, said in (
        ((), "no check is configured for production"),
        (
            (staged,),
            'the only check of production is for the staged release (when = "staged"), which only a deploy has',
        ),
        ((staged, {**staged, "run": "false"}), "all 2 checks of production are for the staged release"),
    ):
        ended = turnout(project_factory([sshd], extra=checks(*tables)), "check", "production")
        assert ended.returncode == 2 and said in ended.stderr, ended.stderr


@pytest.fixture
def application():
    """An HTTP server on loopback: `answers` by path, `asked` what was asked."""

    class Application(Handler):
        def answer(self):
            application.asked.append((self.command, self.path, dict(self.headers)))
            status, body = application.answers.get(self.path, (404, b""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_HEAD = answer

    with serving(Application) as application:
        application.asked, application.answers = [], {}
        yield application


def test_method_headers_statuses_and_values_of_json(sshd, project_factory, engine, application, monkeypatch):
    monkeypatch.setenv("TOKEN", "hunter2")
    url = f"http://127.0.0.1:{application.server_address[1]}"
    health = json.dumps({"status": "ok", "version": "r1", "checks": [{"up": True, "delay": 3}]}).encode()
    application.answers = {"/": (204, b""), "/head": (200, b""), "/moved": (301, b""), "/health": (200, health)}
    asked = [
        {"http": f"{url}/", "method": "POST", "status": [200, 204], "headers": {"Authorization": "Bearer ${TOKEN}"}},
        {"http": f"{url}/head", "method": "HEAD", "headers": {"user-agent": "probe"}},
        {"http": f"{url}/moved", "status": "3xx"},
        {"http": f"{url}/health", "json": "status", "equals": "ok"},
        {"http": f"{url}/health", "json": "version", "equals": "{tag}"},
        {"http": f"{url}/health", "json": "checks.0.up", "equals": True},
        {"http": f"{url}/health", "json": "checks.0.delay"},
    ]
    operator = engine(project_factory([sshd], extra=checks(*({**table, "attempts": 1} for table in asked))))
    operator.deploy(tag="r1")
    assert live(sshd) == "r1"
    assert [(method, path) for method, path, _ in application.asked[:3]] == [
        ("POST", "/"),
        ("HEAD", "/head"),
        ("GET", "/moved"),
    ]
    first, second = application.asked[0][2], application.asked[1][2]
    assert (first["Authorization"], first["User-Agent"], second["user-agent"]) == ("Bearer hunter2", "turnout", "probe")
    assert application.asked[0][1:] and "hunter2" not in str(operator.events)

    application.answers["/health"] = (200, health.replace(b'"ok"', b'"hunter2"'))
    error = operator.fails(lambda: operator.deploy(tag="r2"), CheckFailed)
    assert error.detail.startswith('status of the answer\'s JSON is "***", not "ok"')
    assert live(sshd) == "r1"


def test_a_staged_check_is_tried_on_the_release_before_anything_switches(servers, project_factory, engine):
    fleet = servers(2)
    staged = {"run": "test -s index.html && ! grep -q bad index.html", "when": "staged", "attempts": 1}
    project = project_factory(fleet, extra=checks(staged))
    operator = engine(project)
    operator.deploy(tag="r1")
    project.commit({"index.html": "bad\n"})
    operator.events.clear()
    error = operator.fails(lambda: operator.deploy(tag="r2"), CheckFailed)
    assert error.phase == "barrier" and not operator.said(Switched)
    assert [live(server) for server in fleet] == ["r1", "r1"]
    assert "before the switch" in operator.plan(DeployRequest()).checks[0]
    at_rest(fleet)
    assert not any((server.files / "releases/r2").exists() for server in fleet)


def test_a_check_has_to_pass_several_times_in_a_row(sshd, project_factory, engine):
    run = "echo x >> ../../tries; test $(wc -l < ../../tries) -ne 2"
    operator = engine(
        project_factory([sshd], extra=checks({"run": run, "successes": 3, "attempts": 6, "interval": "1ms"}))
    )
    operator.deploy(tag="r1")
    passed = [(event.passed, event.detail) for event in operator.said(CheckAttempted)]
    assert [each for each, _ in passed] == [True, False, True, True, True]
    assert [detail for each, detail in passed if each] == [f"{n} of 3 in a row" for n in (1, 1, 2, 3)]
    (sshd.files / "tries").unlink()
    tight = engine(
        project_factory([sshd], extra=checks({"run": run, "successes": 3, "attempts": 4, "interval": "1ms"}))
    )
    error = tight.fails(lambda: tight.deploy(tag="r2"), CheckFailed)
    assert error.detail == "it passed 2 times in a row at the end, not 3"


BAKING = {"run": "echo x >> ../../tries; ! test -e ../../broken", "attempts": 1, "interval": "200ms"}


def test_a_check_that_fails_while_it_bakes_switches_everything_back(servers, project_factory, engine):
    fleet = servers(2)
    operator = engine(project_factory(fleet, extra=checks({**BAKING, "bake": "30s"})))
    operator.on_event = lambda event: (fleet[1].files / "broken").touch() if isinstance(event, Asked) else None
    error = operator.fails(lambda: operator.deploy(tag="r1"), CheckFailed)
    assert error.server == fleet[1].alias and error.phase == "check"
    assert [live(server) for server in fleet] == ["", ""]
    assert "check failed" in record(fleet[0], "r1").failed
    (answered,) = operator.said(Answered)
    assert (answered.kind, answered.choice, answered.by) == ("settle", "", "")
    at_rest(fleet)


def test_a_bake_that_ends_well_keeps_the_release(sshd, project_factory, engine):
    operator = engine(
        project_factory([sshd], environment_options={"bake": "2s"}, extra=checks({**BAKING, "interval": "1s"}))
    )
    began = time.monotonic()
    operator.deploy(tag="r1")
    assert time.monotonic() - began >= 2
    assert live(sshd) == "r1"
    assert len((sshd.files / "tries").read_text().split()) >= 3
    assert len(operator.said(CheckAttempted)) == 1  # what goes on passing is not told each time
    (asked,), (answered,) = operator.said(Asked), operator.said(Answered)
    assert [choice["name"] for choice in asked.question["choices"]] == ["keep", "hold", "undo"]
    assert (answered.choice, answered.by) == ("keep", "")


@pytest.mark.parametrize(
    ("answers", "kept"), [(("keep",), True), (("undo",), False), (("hold", "keep"), True), (("hold", "undo"), False)]
)
def test_a_person_settles_a_release_that_bakes(sshd, project_factory, engine, answers, kept):
    operator = engine(project_factory([sshd], extra=checks({**BAKING, "bake": "1s" if "hold" in answers else "90s"})))
    left = list(answers)

    def answer(event):
        if isinstance(event, Asked):
            choice, late = left.pop(0), len(answers) > 1 and not left
            threading.Timer(
                2.5 if late else 0, operator.controls.questions.answer, (choice, "bo@desk", "", event.question["id"])
            ).start()

    operator.on_event = answer
    if kept:
        operator.deploy(tag="r1")
    else:
        error = operator.fails(lambda: operator.deploy(tag="r1"), Cancelled)
        assert "bo@desk" in error.title
    assert live(sshd) == ("r1" if kept else "")
    assert [(event.choice, event.by) for event in operator.said(Answered)] == [(word, "bo@desk") for word in answers]
    at_rest([sshd])


@pytest.fixture
def secure(tmp_path):
    """HTTPS for the name shop.example; gives the port and the file of the authority that signed it."""
    import ssl

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shop.example"]
    words += ["-addext", "subjectAltName=DNS:shop.example"]
    subprocess.run([need("openssl"), *words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_address[1], certificate
    server.shutdown()
    server.server_close()


def test_a_certificate_is_verified_for_the_name_of_the_host(sshd, project_factory, engine, secure, monkeypatch):
    port, authority = secure
    table = {"http": f"https://127.0.0.1:{port}/", "host": "shop.example", "verify-tls": True, "attempts": 1}
    operator = engine(project_factory([sshd], extra=checks(table)))
    error = operator.fails(lambda: operator.deploy(tag="r1"), CheckFailed)
    assert error.detail.startswith("its certificate is not valid: self")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    operator.deploy(tag="r2")
    assert live(sshd) == "r2"
    other = engine(project_factory([sshd], extra=checks({**table, "host": "other.example"})))
    error = other.fails(lambda: other.deploy(tag="r3"), CheckFailed)
    assert "its certificate is not valid: Hostname mismatch" in error.detail


@pytest.mark.parametrize(("every", "outcome"), [(10, "back"), (1000, "kept")])
def test_a_release_that_answers_worse_than_the_one_before_goes_back(sshd, project_factory, engine, every, outcome):
    log = sshd.files / "access.log"
    stop = threading.Event()
    switched = threading.Event()

    def serve():
        """200 answers a second; since the switch one of `every` is broken."""
        number = 0
        with log.open("a") as file:
            while not stop.wait(0.05):
                at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
                for _ in range(10):
                    number += 1
                    status = 502 if switched.is_set() and number % every == 0 else 200
                    file.write(f'127.0.0.1 - - [{at}] "GET / HTTP/1.1" {status} 5\n')
                file.flush()

    thread = threading.Thread(target=serve, daemon=True)
    table = {"log": str(log), "over": "2%", "bake": "3s", "interval": "1s"}
    operator = engine(project_factory([sshd], extra=checks(table)))
    operator.on_event = lambda event: switched.set() if isinstance(event, Switched) else None
    thread.start()
    try:
        if outcome == "back":
            error = operator.fails(lambda: operator.deploy(tag="r1"), CheckFailed)
            assert "answers since the switch were 5xx" in error.detail and "over 2 %" in error.detail
        else:
            operator.deploy(tag="r1")
    finally:
        stop.set()
        thread.join()
    assert live(sshd) == ("r1" if outcome == "kept" else "")


def test_a_log_that_cannot_be_counted_fails_the_check(sshd, project_factory, engine):
    operator = engine(project_factory([sshd], extra=checks({"log": "log/access.log", "over": "1%", "bake": "1s"})))
    error = operator.fails(operator.deploy, CheckFailed)
    assert "log/access.log cannot be counted: there is no such file" in error.detail


def test_the_checks_are_tried_without_a_deploy(pair, project_factory):
    tried = "echo tried >> ../../tries; test $TURNOUT_TAG = r1 && ! test -e broken"
    run = f"test $TURNOUT_OPERATION = deploy || {{ {tried}; }}"
    tables = [{"run": run, "bake": "0s"}, {"run": "exit 7", "when": "staged"}, {"run": "true", "roles": ["web"]}]
    project = project_factory(pair, extra=checks(*tables[:1]))
    nothing = turnout(project, "check", "production")
    assert nothing.returncode == 1
    assert "nothing is live" in nothing.stdout
    assert turnout(project, "deploy", "production", "--tag", "r1", "--yes").returncode == 0
    text = project.config.read_text().replace('name = "web1"', 'name = "web1"\nroles = ["web"]')
    project.config.write_text(text + checks(*tables[1:]))
    ended = turnout(project, "check", "production")
    assert ended.returncode == 0, ended.stderr
    assert [line.split()[:2] for line in ended.stdout.splitlines()[:3]] == [["✓", "web1"], ["✓", "web1"], ["✓", "web2"]]
    assert "all checks passed on all 2 servers" in ended.stdout
    assert (pair[0].files / "tries").read_text() == "tried\n"

    (pair[1].files / "current/broken").touch()
    code, rows = turnout_json(project, "check", "production")
    assert code == 1
    assert [(row["server"], row["passed"]) for row in rows if row["event"] == "check"] == [
        ("web1", True),
        ("web1", True),
        ("web2", False),
    ]
    assert rows[-1]["outcome"] == "failed" and rows[-1]["summary"].startswith("checks failed on 1 server")
    assert not (pair[0].files / ".turnout/lock").exists()
    assert turnout(project, "check", "production", "--server", "web1").returncode == 0

    project.config.write_text(text.split("[[checks]]")[0])
    assert turnout(project, "check", "production").returncode == 2


FORMATS = "has a time and a status: the formats of nginx and Apache are known, and JSON"


def test_doctor_says_before_whether_a_log_can_be_counted(pair, project_factory, engine, tmp_path):
    at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
    texts = {"good": f'h - - [{at}] "GET / HTTP/1.1" 200 5\n', "odd": "a line of something else\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    names = ("good", "odd", "missing")
    tables = [{"log": str(tmp_path / name), "over": "1%", "bake": "1s", "roles": ["web"]} for name in names]
    project = project_factory(pair, extra=checks(*tables))
    text = project.config.read_text().replace('name = "web1"', 'name = "web1"\nroles = ["web"]', 1)
    project.config.write_text(text)
    found = examine(engine(project).fleet)
    said = [(finding.level, finding.text) for finding in found["web1"] if finding.topic == "checks"]
    assert said == [
        ("ok", f"answers in {tmp_path}/good can be counted"),
        ("error", f"no line of {tmp_path}/odd {FORMATS}"),
        ("error", f"{tmp_path}/missing cannot be counted: there is no such file"),
    ]
    assert not [finding for finding in found["web2"] if finding.topic == "checks"]
