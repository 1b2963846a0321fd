"""A command that prints without end fills no memory: not the operator's, not the servers', not that of who watches."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.engine.driving import live
from tests.projects import hook
from tests.waiting import until

LONG = "$(head -c 1000 /dev/zero | tr '\\0' x)"
PRINTS = f"yes {LONG} | head -c 90000000; echo; echo the end"
MEASURED = """\
import os, sys
from tui.cli import main

code = main(sys.argv[1:])
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
open(os.environ["PEAK"], "w").write(peak)
raise SystemExit(code)
"""
MOST = 140_000
"""Kilobytes that the process may take, about half of which are its modules: less than what the command prints."""


def deployed(project, before_reading=lambda: None):
    """Deploy in a process of its own; its exit code, its lines of JSON, and its peak in kilobytes."""
    peak = project.folder / "peak"
    process = subprocess.Popen(
        [sys.executable, "-c", MEASURED, "deploy", "--yes", "--json"],
        cwd=project.folder,
        env={**os.environ, "PEAK": str(peak)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process.stdout:
        before_reading()
        lines = [json.loads(line) for line in process.stdout]
    return process.wait(), lines, int(peak.read_text())


def shown(lines):
    return [line["line"] for line in lines if line["event"] == "hook-output"]


@pytest.mark.parametrize(
    "extra",
    [hook("prepare", PRINTS), hook("before-switch", PRINTS, where="operator"), hook("build", PRINTS)],
    ids=["server", "operator", "build"],
)
def test_the_memory_of_the_operator_is_bounded(sshd, project_factory, extra):
    project = project_factory([sshd], extra=extra)
    code, lines, kilobytes = deployed(project)
    assert code == 0 and live(sshd)
    printed = shown(lines)
    assert printed[-1] == "the end" and " lines left out, 8" in printed[-21]
    assert kilobytes < MOST, kilobytes
    kept = sum(path.stat().st_size for path in (sshd.files / ".turnout").rglob("*") if path.is_file())
    assert kept < 10_000_000


def test_a_reader_that_does_not_read_holds_no_deploy_up(sshd, project_factory):
    prints = hook("prepare", f"yes {LONG} | head -n 2000") * 7
    project = project_factory([sshd], extra=prints + hook("success", "echo the end"))
    journal, lock = sshd.files / ".turnout/journal.jsonl", sshd.files / ".turnout/lock"

    def is_over() -> bool:
        return journal.exists() and '"what": "end"' in journal.read_text() and not lock.exists()

    code, lines, kilobytes = deployed(project, lambda: until(is_over, "the deploy"))
    assert code == 0 and live(sshd), lines[-5:]
    assert lines[-1]["event"] == "result" and kilobytes < MOST
    missing = [line["text"] for line in lines if line["event"] == "note" and "of output left out here" in line["text"]]
    counted = sum(int(text.split()[0].replace(",", "")) for text in missing)
    assert missing and len(shown(lines)) + counted == 7 * 2000 + 1, "each line was shown or counted"
    ended = [(line["on"], line["status"]) for line in lines if line["event"] == "hook-finished"]
    assert ended == [("prepare", 0)] * 7 + [("success", 0)]
