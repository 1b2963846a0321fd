"""A process with one open connection, for the measures in which connecting does not count.

Started with the path of a turnout.toml; reads commands from standard input (`deploy REF`, `rollback`, `plan REF`) and
answers each with one line of JSON: seconds, round trips, what was sent, and the peak of its memory in MB so far.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from pathlib import Path

from core import DeployRequest, RollbackRequest, execute
from core.config import load
from core.errors import FleetError
from core.fleet import Fleet
from core.jobs import Controls
from tui.cli import COLLECT_AFTER


def main() -> None:
    gc.set_threshold(*COLLECT_AFTER)
    project = load(Path(sys.argv[1]))
    fleet = Fleet(project, project.environment("production"))
    inspection = fleet.inspect()
    if inspection.errors:
        raise FleetError(inspection.errors)
    name = fleet.names[0]
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        word, _, ref = line.strip().partition(" ")
        request = RollbackRequest() if word == "rollback" else DeployRequest(ref=ref or None)
        before = fleet.session(name).round_trips
        began = time.perf_counter()
        result = execute(fleet, request, None, lambda event: None, Controls())
        seconds = time.perf_counter() - began
        step = result.plan.steps[0]
        answer = {
            "seconds": seconds,
            "round_trips": (result.round_trips or {})[name] - before,
            "outcome": result.outcome,
            "bytes": step.send_bytes,
            "files": step.send_files,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps(answer), flush=True)
    fleet.close()


if __name__ == "__main__":
    main()
