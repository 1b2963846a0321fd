"""Two releases in two slots behind a real nginx, under load: a switch loses no request, whichever way it goes."""

from __future__ import annotations

import os
import signal
import socket
import sys

import pytest

from core.errors import CheckFailed
from core.events import CheckAttempted
from core.operations.check import check
from tests.engine.driving import at_rest, live, record
from tests.load import Load
from tests.projects import hook
from tests.servers import free_port, need
from tests.waiting import until

APPLICATION = """
import http.server, os, signal, sys, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "index.html"), "rb").read().strip()
        self.send_response(500 if body == b"broken" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False

server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(0.05)
server.server_close()  # waits for the answers that are being given
"""
NGINX = """
daemon on; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log {folder}/access.log; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  upstream shop {{ include {folder}/slot.conf; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://shop; proxy_next_upstream off; }} }}
}}
"""


@pytest.fixture
def proxied(sshd, project_factory, engine, tmp_path):
    """A server with nginx and two slots; gives the place, the project, its engine, the slots and nginx's port."""
    folder, nginx = tmp_path / "nginx", need("nginx")
    folder.mkdir()
    port, slots = free_port(), {"blue": free_port(), "green": free_port()}
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    start = f'{sys.executable} app.py "$TURNOUT_PORT" > /dev/null 2>&1 & echo $! > "$TURNOUT_ROOT/pid.$TURNOUT_SLOT"'
    turn = f'echo "server 127.0.0.1:$TURNOUT_PORT;" > {folder}/slot.conf; '
    turn += f"signal=; [ ! -e {folder}/pid ] || signal='-s reload'; {nginx} -c {folder}/nginx.conf $signal"
    # Requests that nginx's old workers have taken are answered before the old release is stopped.
    stop = 'sleep 1; kill "$(cat "$TURNOUT_ROOT/pid.$TURNOUT_SLOT")"; rm "$TURNOUT_ROOT/pid.$TURNOUT_SLOT"'
    extra = hook("before-switch", start) + hook("after-switch", turn) + hook("retire", stop)
    extra += hook("failure", stop.removeprefix("sleep 1; "))
    staged = 'when = "staged"\ncontains = "{tag}"\ninterval = "100ms"\nattempts = 50\n'
    extra += f'\n[[checks]]\nhttp = "http://127.0.0.1:{{port}}/"\n{staged}'
    project = project_factory(
        [sshd],
        files={"app.py": APPLICATION, "index.html": "r1\n"},
        environment_options={"slots": slots},
        extra=extra,
    )
    yield sshd, project, engine(project), slots, port
    for file in [folder / "pid", *sshd.files.glob("pid.*")]:
        if file.exists():
            os.kill(int(file.read_text()), signal.SIGTERM)


def refuses(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def running(place):
    """The slots in which an application was started and not stopped."""
    return sorted(path.name.removeprefix("pid.") for path in place.files.glob("pid.*"))


def test_a_blue_green_switch_and_its_rollback_lose_no_request(proxied):
    place, project, operator, _, port = proxied
    operator.deploy(tag="r1")
    assert (record(place, "r1").slot, running(place)) == ("blue", ["blue"])
    project.commit({"index.html": "r2\n"})
    with Load(port) as load:
        load.more()
        operator.deploy(tag="r2")
        load.more()
        operator.rollback("r1")
        load.more()
    assert set(load.said) == {"200 r1", "200 r2"}, load.said
    turned = load.sequence.index("200 r2")
    assert turned >= 100 and load.sequence[-50:] == ["200 r1"] * 50
    print(f"\n{load.said.total()} requests: {dict(load.said)}, none lost")
    assert (record(place, "r1").slot, record(place, "r2").slot, live(place)) == ("blue", "green", "r1")
    assert running(place) == ["blue"]
    at_rest([place])


def test_a_release_that_does_not_answer_in_its_slot_is_never_live(proxied, engine):
    place, project, operator, slots, port = proxied
    operator.deploy(tag="r1")
    project.commit({"index.html": "broken\n"})
    with Load(port) as load:
        load.more()
        config = project.config
        config.write_text(config.read_text().replace("attempts = 50", "attempts = 3"))
        other = engine(project)
        error = other.fails(lambda: other.deploy(tag="r2"), CheckFailed)
        load.more()
    assert error.phase == "barrier" and live(place) == "r1"
    assert set(load.said) == {"200 r1"}
    assert running(place) == ["blue"]
    until(lambda: refuses(slots["green"]), "what was started is stopped")


def test_a_rollback_to_a_release_whose_slot_is_taken_gets_the_other_one(proxied, engine):
    place, project, operator, slots, _ = proxied
    for tag in ("r1", "r2", "r3"):
        project.commit({"index.html": f"{tag}\n"})
        operator.deploy(tag=tag)
    assert [record(place, tag).slot for tag in ("r1", "r2", "r3")] == ["blue", "green", "blue"]
    operator.events.clear()
    operator.rollback("r1")
    assert (record(place, "r1").slot, running(place), live(place)) == ("green", ["green"], "r1")
    (tried,) = {event.check for event in operator.said(CheckAttempted, passed=True)}
    assert tried == f"http://127.0.0.1:{slots['green']}/"
    text = project.config.read_text().replace('when = "staged"\n', "")
    project.config.write_text(text)
    assert check(engine(project).fleet).failed == 0


def test_a_release_that_fails_after_its_switch_is_taken_back_and_stopped(proxied, engine):
    place, project, operator, _, port = proxied
    operator.deploy(tag="r1")
    project.commit({"index.html": "r2\n"})
    failing = '\n[[checks]]\nrun = "test $TURNOUT_TAG = r1"\nattempts = 3\ninterval = "200ms"\n'
    project.config.write_text(project.config.read_text() + failing)
    other = engine(project)
    with Load(port) as load:
        load.more()
        other.fails(lambda: other.deploy(tag="r2"), CheckFailed)
        load.more()
    assert set(load.said) == {"200 r1", "200 r2"}, load.said
    assert load.sequence[-50:] == ["200 r1"] * 50
    assert (live(place), running(place)) == ("r1", ["blue"])
    at_rest([place])
