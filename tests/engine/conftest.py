"""Fixtures of the engine's tests."""

from __future__ import annotations

import http.server
from contextlib import ExitStack
from functools import partial

import pytest

from core.fleet import Fleet
from tests.engine.driving import Engine
from tests.web_servers import Handler, serving


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


class _Files(Handler, http.server.SimpleHTTPRequestHandler):
    """Gives the files of a folder."""


@pytest.fixture
def web_server():
    """Serve a folder over HTTP on loopback; gives the port. What `current` leads to is looked up for each request."""
    with ExitStack() as stack:

        def serve(folder):
            server = stack.enter_context(serving(partial(_Files, directory=str(folder))))
            return server.server_address[1]

        yield serve
