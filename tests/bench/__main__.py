"""`python -m tests.bench`: Turnout beside an expert's shell script and scp, in turn on one sshd, as ratios.

Times depend on the machine and on who else uses it; a ratio of medians that were taken in turn does much less. Every
command counts as a whole: Turnout's times include what it does with git, the script gets its work tree checked out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

from tests.bench.bed import Bed, Broken, Measured, Missing
from tests.bench.cells import CELLS, QUICK, Cell, Course
from tests.servers import program

NEEDED = ("sshd", "ssh", "ssh-keygen", "ssh-keyscan", "rsync", "scp", "git", "bash", "diff", "cmp")
MEMORY = 200.0
"""MB that Turnout's process may have at most."""
ROUND_TRIPS = 8
"""For a deploy of 1 % over an open connection."""


def main() -> int:
    if sys.argv[1:2] == ["sizes"]:
        from tests.bench import sizes  # measures other things

        return sizes.main(sys.argv[2:])
    words = _arguments()
    cells = [cell for cell in CELLS if not words.only or cell.name in words.only]
    missing = [name for name in NEEDED if program(name) is None]
    if missing:
        print(f"skipped: {', '.join(cell.name for cell in cells)}: not installed here: {', '.join(missing)}")
        return 0
    place = words.place or next((path for path in ("/dev/shm",) if os.access(path, os.W_OK)), None)
    print(f"{words.files} files of {words.megabytes} MB, median of {words.rounds}, below {place or 'the temp folder'}")
    print(f"{'cell':<45}{'Turnout':>9}{'other':>9}  {'':<7}{'ratio':>6}{'target':>8}")
    rows = []
    began = time.monotonic()
    with Bed(Path(tempfile.mkdtemp(prefix="turnout-bench-", dir=place)), words.beside) as bed:
        course = Course(bed, words.rounds, words.files, words.megabytes, words.large, words.servers)
        for cell in cells:
            try:
                pairs = list(cell.run(course))
            except Missing as error:
                print(f"{cell.title.format(servers=words.servers):<45}skipped: not installed here: {error}")
                continue
            except Broken as error:
                print(f"{cell.title.format(servers=words.servers):<45}failed: {error}")
                rows.append({"cell": cell.name, "failed": str(error)})
                continue
            rows.append(_row(cell, pairs, words))
    used = sum(part for who in (RUSAGE_SELF, RUSAGE_CHILDREN) for part in getrusage(who)[:2])
    print(f"it took {time.monotonic() - began:.0f} s, and {used:.0f} s of processor time in all")
    if words.quick and words.beside is None:
        print("targets in brackets are for 5,000 files of 60 MB and a file of 300 MB")
    if words.json:
        words.json.write_text(json.dumps(rows, indent=1))
    return int(any("failed" in row for row in rows))


def _row(cell: Cell, pairs: Sequence[tuple[Measured, Measured]], words: argparse.Namespace) -> dict[str, object]:
    """Print a cell's line; what it says, for programs."""
    beside, title = words.beside is not None, cell.title.format(servers=words.servers)
    ours = statistics.median(pair[0].seconds for pair in pairs)
    other = statistics.median(pair[1].seconds for pair in pairs)
    ratio = ours / other
    memory = max(pair[0].memory for pair in pairs)
    trips = max(pair[0].round_trips for pair in pairs)
    applies = cell.any_size or not words.quick
    target = "" if beside or not cell.target else f"<= {cell.target}" if applies else f"({cell.target})"
    verdict = "" if not target or not applies else "  ok" if ratio <= cell.target else "  MISSED"
    notes = [f"{trips} round trips"] if trips else []
    used = [statistics.median(measured.processor for measured in side) for side in zip(*pairs, strict=True)]
    if all(used):
        notes.append(f"processor {used[0]:.2f} / {used[1]:.2f} s")
    each = sorted(pair[0].seconds / pair[1].seconds for pair in pairs)
    if beside:
        notes.append(f"pair by pair {each[0]:.2f} to {each[-1]:.2f}")
    if memory > MEMORY:
        notes.append(f"{memory:.0f} MB: MISSED, at most {MEMORY:.0f}")
    elif memory:
        notes.append(f"{memory:.0f} MB")
    if trips > ROUND_TRIPS:
        notes.append(f"MISSED, at most {ROUND_TRIPS} round trips")
    other_name = "earlier" if beside else cell.other
    line = f"{title:<45}{ours:>8.3f}s{other:>8.3f}s  {other_name:<7}{ratio:>6.2f}{target:>8}{verdict}"
    print(f"{line:<92}  {', '.join(notes)}".rstrip(), flush=True)
    return {
        "cell": cell.name,
        "ours": [pair[0].seconds for pair in pairs],
        "other": [pair[1].seconds for pair in pairs],
        "processor": used,
        "ratio": ratio,
        "target": cell.target,
        "round_trips": trips,
        "memory": memory,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "quick", nargs="?", choices=["quick"], help="some cells, a smaller application: under two minutes"
    )
    parser.add_argument("--only", nargs="+", choices=[cell.name for cell in CELLS], help="some of the cells")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--large", type=int, default=300, help="MB of the one large file")
    parser.add_argument("--servers", type=int, default=20, help="of the fleet")
    parser.add_argument("--place", help="folder for everything; by default /dev/shm, else the temporary folder")
    parser.add_argument(
        "--beside", type=Path, help="another checkout of Turnout, measured in place of the script and scp"
    )
    parser.add_argument("--json", type=Path, help="write the times to a file too")
    words = parser.parse_args()
    if words.quick:
        words.only, words.rounds, words.files, words.megabytes = words.only or list(QUICK), 2, 1000, 12
        words.large, words.servers = min(words.large, 60), min(words.servers, 8)
    return words


if __name__ == "__main__":
    sys.exit(main())
