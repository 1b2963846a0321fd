"""Agents in the three shells that servers have as /bin/sh, and deploy roots for them."""

from __future__ import annotations

import os

import pytest

from tests.servers import need
from tests.shell.agents import SHELLS, ShellAgent, applets
from tests.shell.test_locking import begun


@pytest.fixture(params=SHELLS)
def start(request, tmp_path):
    """Start an agent for a root, in dash or bash with this machine's programs, or in BusyBox with its own alone."""
    name, *more = SHELLS[request.param]
    environment = dict(os.environ)
    if name == "busybox":
        environment |= applets(tmp_path / "applets")
    agents = []

    def begin(root):
        agents.append(ShellAgent([need(name), *more], environment, root))
        return agents[-1]

    yield begin
    for agent in agents:
        agent.close()


@pytest.fixture
def root(tmp_path):
    """Where a deploy root may come to be."""
    return tmp_path / "srv/shop"


@pytest.fixture
def agent(start, root):
    """An agent for a root that does not exist yet."""
    return start(root)


@pytest.fixture
def held(start, root):
    """A root whose lock is held, with two files in deploy-cache."""
    begun(start(root))
    for name in ("old", "older"):
        (root / "deploy-cache" / name).write_text(name)
    (root / ".turnout/cache.manifest").write_text("the manifest\n")
    return root
