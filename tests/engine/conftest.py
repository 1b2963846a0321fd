"""Fixtures of the engine's tests."""

from __future__ import annotations

import http.server
import threading
from functools import partial

import pytest

from core.fleet import Fleet
from tests.engine.driving import Engine


@pytest.fixture
def engine():
    """Make an Engine for a project; its connections are closed when the test ends."""
    made = []

    def make(project, **options):
        made.append(Engine(project, **options))
        return made[-1]

    yield make
    for operator in made:
        operator.fleet.close()


@pytest.fixture
def fleet_of(project_factory):
    """Make a Fleet for places, with changes to its servers' settings; its connections are closed when the test ends."""
    made = []

    def make(*places, **changes):
        project = project_factory(places).load()
        servers = [server.replace(**changes) for server in project.environment("production").servers]
        made.append(Fleet(project, project.environment("production"), servers))
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Nobody reads it."""


@pytest.fixture
def web_server():
    """Serve a folder over HTTP on loopback; gives the port. What `current` leads to is looked up for each request."""
    running = []

    def serve(folder):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server.server_address[1]

    yield serve
    for server in running:
        server.shutdown()
        server.server_close()
