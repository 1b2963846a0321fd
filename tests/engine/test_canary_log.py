"""A release that answers one request in ten with 500 is stopped at the canary by what its own access log says."""

from __future__ import annotations

import http.client
import http.server
import itertools
import threading
import time
from collections import Counter

import pytest

from core.errors import CheckFailed
from core.events import BatchStarted, Switched
from tests.engine.driving import at_rest, live
from tests.waiting import until

RATE = 200
CHECK = """
[[checks]]
log = "log/access.log"
over = "2%"
bake = "3s"
interval = "1s"
"""


class Application:
    """What runs on a server: it serves what is live there, and writes its access log."""

    def __init__(self, place):
        numbers, lock = itertools.count(1), threading.Lock()
        log = (place.files / "shared/log").joinpath("access.log")

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                tag = (place.files / "current/index.html").read_text().strip()
                status = 500 if tag == "r2" and next(numbers) % 10 == 0 else 200
                at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
                with lock, log.open("a") as file:
                    file.write(f'127.0.0.1 - - [{at}] "GET / HTTP/1.1" {status} {len(tag)}\n')
                self.send_response(status)
                self.send_header("Content-Length", str(len(tag)))
                self.end_headers()
                self.wfile.write(tag.encode())

            def log_message(self, *_):
                """It has a log of its own."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=20)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            return f"{answer.status} {answer.read().decode()}"
        finally:
            connection.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def rolling(servers, project_factory, engine):
    """Three servers whose release r1 is live and answers, and a project that deploys one server first."""
    fleet = servers(3)
    options = {"strategy": "rolling", "canary": 1}
    project = project_factory(
        fleet,
        files={"index.html": "r1\n"},
        deploy={"shared": ["log/"]},
        environment_options=options,
    )
    engine(project).deploy(tag="r1")
    applications = [Application(place) for place in fleet]
    project.config.write_text(project.config.read_text() + CHECK)
    yield fleet, project, applications
    for application in applications:
        application.close()


def test_only_the_canarys_requests_see_a_release_that_is_worse(rolling, engine):
    fleet, project, applications = rolling
    said = [Counter() for _ in fleet]
    stop, lock = threading.Event(), threading.Lock()
    turns = itertools.cycle(range(len(fleet)))

    def call():
        due = time.monotonic()
        while not stop.is_set():
            with lock:
                turn = next(turns)
            answer = applications[turn].ask()
            with lock:
                said[turn][answer] += 1
            due += 10 / RATE
            stop.wait(max(due - time.monotonic(), 0))

    threads = [threading.Thread(target=call, daemon=True) for _ in range(10)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: sum(each.total() for each in said) > 300, "the applications answer")
        project.commit({"index.html": "r2\n"})
        operator = engine(project)
        error = operator.fails(lambda: operator.deploy(tag="r2"), CheckFailed)
        after = sum(each.total() for each in said)
        until(lambda: sum(each.total() for each in said) > after + 100, "the applications answer")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert "answers since the switch were 5xx" in error.detail
    assert {event.server for event in operator.said(Switched)} == {"web1"}
    assert [event.number for event in operator.said(BatchStarted)][:1] == [1]
    assert [live(place) for place in fleet] == ["r1"] * 3
    broken = [each["500 r2"] for each in said]
    assert broken[0] > 0 and broken[1:] == [0, 0]
    assert all(set(each) == {"200 r1"} for each in said[1:])
    print(f"\n{sum(each.total() for each in said)} requests, {broken[0]} broken, all of them the canary's: {said[0]}")
    at_rest(fleet)
