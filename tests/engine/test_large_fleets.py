"""Fleets of hundreds: memory stays flat, and all log in through one gateway. Two soaks; `make soak ARGS="-k fleets"`.

tests/engine/test_back_pressure.py is the short sample that every run of the tests has.
"""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from core.errors import TurnoutError
from tests.engine.commands import COMMAND
from tests.engine.driving import live
from tests.engine.test_logins import OtherServer
from tests.servers import EmbeddedServer

SERVERS = int(os.environ.get("FLEET_SERVERS", "200"))
RUNS = int(os.environ.get("FLEET_RUNS", "50"))
MB = 1 << 20
PER_SERVER = 1.5
"""MB that a server may cost on this machine: its connection, its threads, what waits for it."""
PER_TREE = 24
"""MB that a tree ten times as large may cost in all."""


def peak(project, *words):
    """A deploy as a command: the MB of memory that it had at most."""
    environ = {**os.environ, "TURNOUT_PROFILE": "1"}
    command = [*COMMAND, "deploy", "production", "--yes", *words]
    done = subprocess.run(command, cwd=project.folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (memory,) = re.findall(r"memory (\d+) MB at most", done.stderr)
    return int(memory)


@pytest.mark.soak
def test_soak_memory_of_fleets_is_flat(tmp_path, announce, project_factory, capsys):
    """200 simulated servers: what a fleet costs grows with its connections, not with its tree."""
    with EmbeddedServer(tmp_path / "embedded") as server:
        places = [announce(server.place(tmp_path / "roots", f"web{number}")) for number in range(SERVERS)]
        seen = {}
        for number, megabytes in ((SERVERS // 10, 2), (SERVERS // 10, 20), (SERVERS, 20)):
            files = {f"f{index}": os.urandom(MB // 20) for index in range(20 * megabytes)}
            project = project_factory(places[:number], files=files)
            seen[number, megabytes] = peak(project, "--tag", f"r{number}-{megabytes}")
            assert {live(place) for place in places[:number]} == {f"r{number}-{megabytes}"}
    with capsys.disabled():
        print("".join(f"\n{number} servers, {mb} MB: {memory} MB" for (number, mb), memory in seen.items()))
    few = SERVERS // 10
    assert seen[few, 20] - seen[few, 2] < PER_TREE
    assert seen[SERVERS, 20] - seen[few, 20] < PER_SERVER * (SERVERS - few)


@pytest.mark.soak
def test_soak_fleets_of_forty_log_in_through_one_gateway_every_time(tmp_path, home, servers, fleet_of):
    inner = [place.server for place in servers(4, separate=True)]
    with OtherServer(tmp_path / "gate", "") as gate:
        places = [
            server.place(tmp_path / f"roots{number}", f"in{number}-{part}")
            for number, server in enumerate(inner)
            for part in range(10)
        ]
        (home / ".ssh/config").write_text(
            "".join(f"{place.server.ssh_config(place.alias)}    ProxyJump gate\n" for place in places)
            + gate.ssh_config("gate")
        )
        failed: list[dict[str, TurnoutError]] = []
        for _ in range(RUNS):
            fleet = fleet_of(*places)
            fleet.connect_ahead()
            inspection = fleet.inspect()
            if len(inspection.states) < len(places):
                failed.append(dict(inspection.errors))
            fleet.close()
    assert not failed
