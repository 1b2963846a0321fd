"""Checks on real servers: what is asked, from where, how often, and that one that fails leads all servers back."""

from __future__ import annotations

import contextlib
import http.server
import os
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from core.errors import Cancelled, CheckFailed
from core.events import CheckAttempted, PhaseStarted, Switched
from tests.engine.driving import at_rest, live, record
from tests.processes import command_line_of
from tests.servers import OpenSSHServer, need
from tests.waiting import until


def check(**options):
    lines = [f"{key} = {value!r}" if isinstance(value, str) else f"{key} = {value}" for key, value in options.items()]
    return "\n[[checks]]\n" + "\n".join(lines) + "\n"


def test_a_release_is_live_when_its_page_is_served_with_its_revision_and_tag(sshd, project_factory, engine, web_server):
    port = web_server(sshd.files / "current")
    url = f"http://127.0.0.1:{port}/page"
    prepare = "[[hooks]]\non = 'prepare'\nrun = 'echo $TURNOUT_REVISION $TURNOUT_TAG > page'\n"
    extra = prepare + check(http=url, contains="{revision}", attempts=3) + check(http=url, contains="{tag}")
    operator = engine(project_factory([sshd], extra=extra))
    result = operator.deploy()
    assert live(sshd) == result.tag
    assert [(event.passed, event.attempt) for event in operator.said(CheckAttempted)] == [(True, 1), (True, 1)]


def test_a_check_that_fails_on_one_server_switches_all_three_back(servers, project_factory, engine, web_server):
    fleet = servers(3)
    ports = [web_server(server.files / "current") for server in fleet]
    # Each server is asked at the same address in real life; here the port tells them apart.
    run = " || ".join(f"test $TURNOUT_SERVER = web{n}" for n in (1, 3))
    extra = check(run=run, attempts=2, interval="10ms") + check(http=f"http://127.0.0.1:{ports[0]}/index.html")
    project = project_factory(fleet, extra=extra)
    operator = engine(project)
    operator.fails(operator.deploy, CheckFailed)
    text = project.config.read_text()
    project.config.write_text(text.replace(run, f"{run} || ! grep -q two index.html"))
    second_operator = engine(project)
    second_operator.deploy(tag="good")
    project.commit({"index.html": "two\n"})
    error = second_operator.fails(lambda: second_operator.deploy(tag="bad"), CheckFailed, "after 2 attempts")
    assert error.server == "web2" and error.phase == "check"
    assert [live(server) for server in fleet] == ["good"] * 3
    assert all("check failed" in record(server, "bad").failed for server in fleet)
    assert {event.server for event in second_operator.said(Switched, back=True)} == {"web1", "web2", "web3"}
    attempts = second_operator.said(CheckAttempted, server="web2", passed=False)
    assert [(event.attempt, event.attempts) for event in attempts] == [(1, 2), (2, 2)]
    at_rest(fleet)


def test_attempts_go_on_until_the_application_is_up(sshd, project_factory, engine):
    run = "echo x >> ../../tries; test $(wc -l < ../../tries) -ge 3"
    operator = engine(project_factory([sshd], extra=check(run=run, attempts=5, interval="1ms")))
    result = operator.deploy()
    assert [event.passed for event in operator.said(CheckAttempted)] == [False, False, True]
    assert live(sshd) == result.tag


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"path": "/nothing"}, "status 404 instead of 200"),
        ({"path": "/index.html", "contains": "two"}, "does not contain 'two'"),
        ({"path": "/index.html", "contains": "{revision}"}, "does not contain"),
        ({"path": "/index.html", "status": 204}, "status 200 instead of 204"),
    ],
)
def test_why_an_answer_is_not_right_is_said(sshd, project_factory, engine, web_server, options, reason):
    path = options.pop("path")
    url = f"http://127.0.0.1:{web_server(sshd.files / 'current')}{path}"
    operator = engine(project_factory([sshd], extra=check(http=url, attempts=1, **options)))
    error = operator.fails(operator.deploy, CheckFailed)
    assert reason in error.detail
    assert live(sshd) == ""


def test_a_port_where_nobody_listens_is_said(sshd, project_factory, engine):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    operator = engine(
        project_factory([sshd], extra=check(http=f"http://127.0.0.1:{port}/", attempts=2, interval="1ms"))
    )
    error = operator.fails(operator.deploy, CheckFailed)
    assert f"no connection to 127.0.0.1:{port} from the server: " in error.detail
    assert len(operator.said(CheckAttempted)) == 2


def test_a_url_that_a_secret_makes_none_is_a_failed_attempt(sshd, project_factory, engine):
    secrets = "\n[secrets]\nHEALTH_PAGE = { run = \"echo 'wait for it'\" }\n"
    url = "http://127.0.0.1:1/${HEALTH_PAGE}"
    operator = engine(project_factory([sshd], extra=check(http=url, attempts=1) + secrets))
    error = operator.fails(operator.deploy, CheckFailed)
    assert "no request: its URL must not contain white space" in error.detail
    at_rest([sshd])


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", b"HTTP/1.1 two\r\n"]
)
def test_a_port_that_answers_nonsense_is_a_failed_attempt(sshd, project_factory, engine, answer):
    with answering(answer) as port:
        operator = engine(
            project_factory([sshd], extra=check(http=f"http://127.0.0.1:{port}/", attempts=2, interval="1ms"))
        )
        error = operator.fails(operator.deploy, CheckFailed)
    assert "no answer" in error.detail
    assert len(operator.said(CheckAttempted, passed=False)) == 2
    at_rest([sshd])


def test_an_answer_that_comes_in_pieces_is_read_to_its_end(sshd, project_factory, engine):
    """Also where the server says that it will hang up, which is when clients stop listening too early."""
    pieces = [b"HTTP/1.0 200 OK\r\n", b"Content-Length: 10\r\nConnection: close\r\n\r\n", b"12345", b"67890"]
    with answering(*pieces) as port:
        extra = check(http=f"http://127.0.0.1:{port}/", contains="1234567890", attempts=1)
        operator = engine(project_factory([sshd], extra=extra))
        result = operator.deploy()
    assert live(sshd) == result.tag


def test_a_port_that_is_silent_costs_no_more_than_the_timeout(sshd, project_factory, engine):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        operator = engine(project_factory([sshd], extra=check(http=url, attempts=1, timeout="2s")))
        error = operator.fails(operator.deploy, CheckFailed)
    assert "no answer" in error.detail


class answering:
    """A TCP server that says the same to everybody, in pieces with a pause between, and hangs up."""

    def __init__(self, *pieces):
        self.pieces = pieces

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()
        return self.listener.getsockname()[1]

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                with contextlib.suppress(OSError):  # who asked may have lost patience
                    for piece in self.pieces:
                        connection.sendall(piece)
                        threading.Event().wait(0.05)

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


DRIPPING = (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", *[b"x"] * 2000)


def test_an_answer_that_drips_costs_no_more_than_the_timeout(sshd, project_factory, engine):
    with answering(*DRIPPING) as port:
        url = f"http://127.0.0.1:{port}/"
        operator = engine(project_factory([sshd], extra=check(http=url, attempts=1, timeout="1s")))
        error = operator.fails(operator.deploy, CheckFailed)
    assert "no answer: not complete within 1 s" in error.detail


def test_a_cancel_ends_a_check_that_waits_for_an_answer_and_everything_goes_back(sshd, project_factory, engine):
    with answering(*DRIPPING) as port:
        url = f"http://127.0.0.1:{port}/"
        operator = engine(project_factory([sshd], extra=check(http=url, attempts=3, timeout="60s")))
        operator.on_event = lambda event: (
            operator.controls.cancel.request() if isinstance(event, PhaseStarted) and event.phase == "check" else None
        )
        error = operator.fails(operator.deploy, Cancelled)
    assert not (sshd.files / "current").is_symlink()
    assert error.title == "cancelled by the operator"


OPEN = [b""] * 2000
"""Pieces after which a connection stays open."""


@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n"])
@pytest.mark.parametrize("wanted", ["", "one r1"])
def test_an_answer_without_a_length_may_stay_open(sshd, project_factory, engine, head, wanted):
    with answering(head, b"event: on", b"e r1\n", *OPEN) as port:
        operator = engine(
            project_factory([sshd], extra=check(http=f"http://127.0.0.1:{port}/", contains=wanted, attempts=1))
        )
        operator.deploy(tag="r1")
    assert live(sshd) == "r1"


def test_a_stream_in_chunks_passes_with_what_is_wanted(sshd, project_factory, engine):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with answering(head, b"4\r\none \r\n", b"2\r\nr1\r\n", *OPEN) as port:
        url = f"http://127.0.0.1:{port}/"
        operator = engine(project_factory([sshd], extra=check(http=url, contains="one r1", attempts=1)))
        operator.deploy(tag="r1")
        other = engine(project_factory([sshd], extra=check(http=url, contains="two", attempts=1, timeout="1s")))
        error = other.fails(lambda: other.deploy(tag="r2"), CheckFailed)
    assert "no answer: not complete within 1 s" in error.detail


def test_a_status_that_is_wrong_is_said_also_where_the_rest_never_comes(sshd, project_factory, engine):
    with answering(b"HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\n", b"starting", *OPEN) as port:
        url = f"http://127.0.0.1:{port}/"
        operator = engine(project_factory([sshd], extra=check(http=url, attempts=1, timeout="1s")))
        error = operator.fails(operator.deploy, CheckFailed)
    assert error.detail == "status 503 instead of 200: starting"


@pytest.fixture
def secure_port(tmp_path):
    """HTTPS with a certificate that signs itself, for the name shop.example; the page says which Host was asked for."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shop.example"]
    subprocess.run([need("openssl"), *words, "-keyout", key, "-out", certificate], check=True, capture_output=True)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = f"{self.headers['Host']} {self.path} {'x' * 300_000} end".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda connection, name, _: asked.append(name)
    # Whoever connects and goes again, or says nothing, must not contain the loop that accepts.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.socket.settimeout(1)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


asked: list[str | None] = []
"""The server names (SNI) by which the site of `secure_port` was asked."""


@pytest.mark.parametrize(
    ("url", "host", "name", "header"),
    [
        ("https://127.0.0.1:{port}/", "shop.example", "shop.example", "shop.example"),
        ("https://127.0.0.1:{port}/", "Shop.Example:8443", "shop.example", "Shop.Example:8443"),
        ("https://127.0.0.1:{port}/", "shop.example.", "shop.example", "shop.example."),
        ("https://localhost:{port}/", "", "localhost", "localhost:{port}"),
        ("https://localhost:{port}/", "xn--bcher-kva.example", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("https://127.0.0.1:{port}/", "", None, "127.0.0.1:{port}"),
        ("https://localhost:{port}/", "[::1]", None, "[::1]"),
    ],
)
def test_https_asks_a_site_by_the_name_of_its_host(sshd, project_factory, engine, secure_port, url, host, name, header):
    asked.clear()
    wanted = f"{header.format(port=secure_port)} /"
    extra = check(http=url.format(port=secure_port), host=host, contains=wanted, attempts=1)
    operator = engine(project_factory([sshd], extra=extra))
    result = operator.deploy()
    assert live(sshd) == result.tag
    assert asked == [name]


@pytest.mark.parametrize("host", ["a..example", "x" * 64 + ".example"])
def test_a_host_that_is_none_is_a_failed_attempt(sshd, project_factory, engine, secure_port, host):
    extra = check(http=f"https://127.0.0.1:{secure_port}/", host=host, attempts=1)
    operator = engine(project_factory([sshd], extra=extra))
    error = operator.fails(operator.deploy, CheckFailed)
    assert error.detail.startswith("no answer: ")
    at_rest([sshd])


def test_https_with_a_certificate_of_its_own_and_a_host_header(sshd, project_factory, engine, secure_port):
    url = f"https://127.0.0.1:{secure_port}/a?b=c"
    extra = check(http=url, host="shop.example", contains="shop.example /a?b=c") + check(http=url, contains="x end")
    operator = engine(project_factory([sshd], extra=extra))
    result = operator.deploy()
    assert live(sshd) == result.tag


def test_https_where_only_http_is_spoken_is_a_failed_attempt(sshd, project_factory, engine, web_server):
    url = f"https://127.0.0.1:{web_server(sshd.files)}/"
    operator = engine(project_factory([sshd], extra=check(http=url, attempts=2, interval="1ms", timeout="2s")))
    error = operator.fails(operator.deploy, CheckFailed)
    assert "no answer" in error.detail
    at_rest([sshd])


def test_an_sshd_that_forbids_forwarding_is_said(tmp_path, project_factory, engine, announce, web_server):
    with OpenSSHServer(tmp_path / "server") as server:
        config = server.folder / "sshd_config"
        config.write_text("AllowTcpForwarding no\n" + config.read_text())
        assert server._process is not None
        os.kill(server._process.pid, signal.SIGHUP)
        until(lambda: b"allowtcpforwarding no" in effective(config), "sshd's configuration is read")
        place = announce(server.place(tmp_path / "roots", "web"))
        url = f"http://127.0.0.1:{web_server(tmp_path)}/"
        operator = engine(project_factory([place], extra=check(http=url, attempts=1)))
        until(lambda: server.run("true").returncode == 0, "sshd answers again")
        error = operator.fails(operator.deploy, CheckFailed)
        assert "AllowTcpForwarding" in error.detail


def effective(config):
    return subprocess.run([need("sshd"), "-T", "-f", str(config)], capture_output=True, check=False).stdout


def test_a_command_that_hangs_is_ended_and_its_last_words_are_said(sshd, project_factory, engine):
    run = "echo still starting; sleep 614"
    operator = engine(project_factory([sshd], extra=check(run=run, attempts=1, timeout="500ms")))
    error = operator.fails(operator.deploy, CheckFailed)
    assert "did not end within 0.5 s" in error.detail and "still starting" in error.detail
    until(lambda: b"sleep\x00614" not in commands(sshd), "the command is ended")


def commands(place):
    """The command lines of all that was started through a server."""
    return b"\n".join(command_line_of(pid) for pid in place.server.session_processes())


def test_a_check_of_a_rollback_that_fails_switches_back_to_the_newer_release(servers, project_factory, engine):
    fleet = servers(2)
    project = project_factory(
        fleet, extra=check(run="test ! -e ../../old-is-broken || test $TURNOUT_TAG != r1", attempts=1)
    )
    operator = engine(project)
    operator.deploy(tag="r1")
    project.commit({"index.html": "two\n"})
    operator.deploy(tag="r2")
    (fleet[1].files / "old-is-broken").touch()
    operator.fails(lambda: operator.rollback("r1"), CheckFailed)
    assert [live(server) for server in fleet] == ["r2", "r2"]
    assert not record(fleet[0], "r2").left
    at_rest(fleet)


def test_a_deploy_that_changes_nothing_is_checked_nowhere_but_where_it_is_live(sshd, project_factory, engine):
    """The same tag with the same content is a no-op: nothing is run for it."""
    operator = engine(project_factory([sshd], extra=check(run="echo x >> ../../tries")))
    operator.deploy(tag="r1")
    again = operator.deploy(tag="r1")
    assert again.outcome == "nothing-to-do"
    assert (sshd.files / "tries").read_text() == "x\n"
    at_rest([sshd])
