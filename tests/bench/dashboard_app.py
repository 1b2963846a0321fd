"""The program that tests/bench/dashboard.py measures: the real dashboard on recorded servers, or an empty Textual app.

`python -m tests.bench.dashboard_app [--empty] [--servers N] [--releases N] [--uploads N] [--hang] [--events N]`
`--memory FILE` writes a line for each of MARKS: the events taken in, the MB that the process holds, and the MB of
objects, where Python traces them (`python -X tracemalloc`), else 0.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
import tracemalloc
from pathlib import Path
from typing import Any, TextIO

from tui.cli import COLLECT_AFTER

MARKS = (60_000, 125_000, 250_000, 500_000, 1_000_000, 2_000_000)
"""Events after which memory is looked at."""

MOST_AHEAD = 4_000
"""Events that wait to be taken in: what is measured is what stays, not a queue."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--empty", action="store_true")
    for name, number in (("servers", 100), ("releases", 200), ("uploads", 0), ("events", 0)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--hang", action="store_true")
    parser.add_argument("--memory", type=argparse.FileType("w"))
    words = parser.parse_args()
    if words.empty:
        from textual.app import App

        App[None]().run()
        return
    gc.set_threshold(*COLLECT_AFTER)
    app = dashboard(words.servers, words.releases, hang=words.hang)
    if words.uploads or words.events:
        app.call_later(app.set_timer, 2.0, lambda: begin(app, words.uploads, words.events, words.memory))
    app.run()
    os._exit(app.return_code or 0)  # as the command ends


def dashboard(servers: int, releases: int, *, hang: bool = False) -> Any:
    """The dashboard on so many servers with so many releases; web17 and some others are a release behind."""
    from tests.tui.recorded import NOW, RecordedFleet, project
    from tui.app import TurnoutApp

    names = [f"web{number}" for number in range(1, servers + 1)]
    states = (
        {} if hang else {name: state_of(name, releases, int(number % 31 == 16)) for number, name in enumerate(names)}
    )

    def opener(project: Any, environment: Any) -> Any:
        return RecordedFleet(project, environment, states, {})

    began = time.time()
    return TurnoutApp(project(names), environ=dict(os.environ), opener=opener, now=lambda: NOW + time.time() - began)


def state_of(server: str, releases: int, live: int) -> Any:
    """A server with many releases, each a day older than the one before."""
    from msgspec.structs import replace

    from core.records import Release
    from tests.tui.recorded import NOW, record, state

    found = {}
    for number in range(releases):
        made = record(number % 8)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(NOW - number * 86400 - 7200))
        tag = f"{stamp}-{made.revision[:7]}"
        made = replace(made, tag=tag, seq=1000 - number, created=NOW - number * 86400 - 7200, digest=f"{number:064x}")
        found[tag] = Release(tag=tag, record=made, present=True, mtime=made.created, live=number == live)
    current = list(found)[live]
    return replace(state(server), releases=found, current=current, current_target=f"releases/{current}")


def begin(app: Any, uploads: int, events: int, memory: TextIO | None = None) -> None:
    """An operation that uploads to so many servers, or says so many lines as fast as they are taken in."""
    from core.events import HookOutput, OperationStarted, PhaseStarted, UploadProgress
    from core.jobs import Job
    from tui.model.operation import Followed, Operation
    from tui.view.progress import Progress

    workspace = app.workspace
    names = [server.name for server in workspace.fleet.servers][: uploads or None]
    taken = 0

    class Counted(Operation):
        def taken(self, event: Any) -> Any:
            nonlocal taken
            taken += 1
            if memory is not None and taken in MARKS:
                memory.write(f"{taken} {resident():.2f} {tracemalloc.get_traced_memory()[0] / 1e6:.2f}\n")
                memory.flush()
            return event

    def work(emit: Any, controls: Any) -> None:
        emit(OperationStarted(operation="bench", kind="deploy", environment="production", servers=tuple(names)))
        for name in names:
            emit(PhaseStarted(operation="bench", server=name, phase="upload"))
        began = time.monotonic()
        while uploads and not controls.cancel.requested:
            for number, name in enumerate(names):
                sent = int((time.monotonic() - began) * (200_000 + 7_000 * number))
                event = UploadProgress(operation="bench", server=name, sent=sent, total=60_000_000, files=sent // 9000)
                emit(event)
            time.sleep(0.1)
        for number in range(events):
            server, said = names[number % len(names)], f"line {number} " + "x" * 60
            emit(HookOutput(operation="bench", server=server, on="prepare", line=said))
            while number - taken > MOST_AHEAD:
                time.sleep(0.01)

    progress = Progress("deploy", "production", names, started=app.now())
    operation = object.__new__(Counted)  # one without a plan
    Followed.__init__(operation, workspace.fleet, Job("deploy", work), progress)
    operation.start(workspace.bridge, workspace.shown.said, lambda: None)
    workspace.shown.begin(operation)


def resident() -> float:
    """MB that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
