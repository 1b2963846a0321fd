"""Fixtures of the engine's tests."""

from __future__ import annotations

import http.server
import tomllib
from contextlib import ExitStack
from functools import partial

import pytest
import tomli_w

from core.fleet import Fleet
from tests.accounts import Accounts
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


@pytest.fixture(scope="module")
def accounts():
    """Users of one group: ana and ben log in, web serves, other is a stranger."""
    with Accounts(["ana", "ben", "web", "other"]) as server:
        yield server


@pytest.fixture
def operator(accounts, operators):
    """Make an Engine for one of the users who log in, with a deploy root (`accounts.root`)."""
    return operators(accounts)


@pytest.fixture
def operators(project_factory, engine, home, ssh_config_add):
    """The same for any server with accounts."""
    return lambda accounts: _operator(accounts, project_factory, engine, home, ssh_config_add)


def _operator(accounts, project_factory, engine, home, ssh_config_add):
    (home / ".ssh/known_hosts").write_text(accounts.known_hosts_line())
    ssh_config_add(accounts.ssh_config("web", known_hosts=home / ".ssh/known_hosts"))

    def make(user, folder, *, files=None, extra="", deploy=None, source="git", **options):
        named = {
            key: value.format(**accounts.names) if isinstance(value, str) else value for key, value in options.items()
        }
        place = accounts.login(folder, "web")
        text = extra.format(**accounts.names) if "{" in extra else extra
        project = project_factory([place], files, extra=text, deploy=deploy, source=source, environment_options=named)
        table = tomllib.loads(project.config.read_text())
        table["environments"]["production"]["servers"][0]["host"] = f"{accounts.name(user)}@web"
        project.config.write_text(tomli_w.dumps(table))
        made = engine(project)
        made.project = project
        made.place = place
        return made

    return make
