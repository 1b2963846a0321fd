"""`python -m tests.bench.dashboard`: what the dashboard costs a terminal, a processor and a person who waits.

The real program runs in a pseudo-terminal; what it writes is counted. Beside the first paint stands that of an empty
Textual app, in turn in the same run: times depend on the machine, their ratio much less.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests import REPOSITORY

PROGRAM = [sys.executable, "-m", "tests.bench.dashboard_app"]
PAINTED = b"\x1b[?2026l"
"""Ends an update, where the terminal said that it knows updates in one piece."""


def _own_terminal() -> None:
    """In the child: this terminal is the one whose end it hears of."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Screen:
    """The program in a terminal of this size; what it wrote is counted, and not kept."""

    def __init__(
        self, columns: int, rows: int, *words: str, program: Sequence[str] = PROGRAM, folder: Path = REPOSITORY
    ) -> None:
        self.bytes = 0
        self.began = time.perf_counter()
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        environ |= {"PYTHONPATH": str(REPOSITORY), "TURNOUT_SETTINGS": os.devnull}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled once, not at every start
        self.process = subprocess.Popen(
            [*program, *words], cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs,
            preexec_fn=_own_terminal,
        )  # fmt: skip
        os.close(theirs)

    def read(self, seconds: float) -> bytes:
        """What comes within so many seconds, up to the first piece."""
        ready, _, _ = select.select([self._ours], [], [], max(seconds, 0))
        if not ready:
            return b""
        try:
            piece = os.read(self._ours, 1 << 20)
        except OSError:
            return b""
        self.bytes += len(piece)
        if b"\x1b[?2026$p" in piece:
            os.write(self._ours, b"\x1b[?2026;2$y")
        return piece

    def listen(self, seconds: float) -> int:
        """Read for so long; how many bytes came."""
        before, until = self.bytes, time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self.read(left)
        return self.bytes - before

    def first_paint(self) -> float:
        """Seconds from the start to the first screen."""
        seen = b""
        while b"\x1b[?1049h" not in seen or len(seen.partition(b"\x1b[?1049h")[2]) < 1000:
            piece = self.read(30)
            if not piece:
                raise SystemExit(f"nothing was painted:\n{seen!r}")
            seen += piece
        return time.perf_counter() - self.began

    def press(self, key: bytes, quiet: float = 0.08) -> tuple[float, int]:
        """Seconds from a key to the end of its first paint, and the bytes until nothing more came for a while."""
        while self.read(0):  # what was painted before the key, such as uploads
            pass
        before, began = self.bytes, time.perf_counter()
        os.write(self._ours, key)
        self.read(2)
        seconds = time.perf_counter() - began
        while self.read(quiet):
            pass
        return seconds, self.bytes - before

    def cpu(self) -> float:
        """Seconds of processor that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """MB that it holds."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def quit(self) -> float:
        """Seconds from `q` to the end of the process."""
        began = time.perf_counter()
        os.write(self._ours, b"q")
        while self.process.poll() is None and time.perf_counter() - began < 20:
            self.read(0.01)
        return time.perf_counter() - began

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self._ours)


def report(what: str, value: str, target: str) -> None:
    print(f"{what:<58}{value:>24}   {target}", flush=True)


SHOP = """
project = "shop"
[source]
git = "."
[environments.production]
servers = [{ name = "web1", host = "127.0.0.1", port = 9, root = "/srv/shop" }]
"""
"""Nothing answers at the server's port: the first paint does not wait for it."""


def start(rounds: int) -> None:
    taken: dict[str, list[tuple[float, float]]] = {"ours": [], "empty": []}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "turnout.toml").write_text(SHOP)
        programs = {
            "ours": [sys.executable, "-m", "tui.cli"],
            "empty": [sys.executable, "-c", "from textual.app import App; App().run()"],
        }
        for _ in range(rounds):
            for name, program in programs.items():
                screen = Screen(160, 45, program=program, folder=Path(folder))
                taken[name].append((screen.first_paint(), screen.cpu()))
                screen.close()
    for place, what in enumerate(("seconds", "of processor")):
        ours, empty = (statistics.median(pair[place] for pair in taken[name]) for name in ("ours", "empty"))
        values = f"{ours:.2f} / {empty:.2f} s = {ours / empty:.2f}"
        report(f"first paint / that of an empty Textual app, {what}", values, "≤ 1.5")


def keys(rounds: int, *words: str, median: float, worst: float) -> None:
    for columns, rows in ((160, 45), (200, 60)):
        screen = Screen(columns, rows, *words)
        screen.first_paint()
        screen.listen(6)
        quiet = 0.08 if not words else 0.02  # uploads are painted all the time
        presses = [screen.press(b"j" if number % 40 < 20 else b"k", quiet) for number in range(rounds * 40)]
        times = sorted(seconds * 1000 for seconds, _ in presses)
        sizes = sorted(size for _, size in presses)
        late = times[int(len(times) * 0.99)]
        title = f"cursor move at {columns}x{rows}{' ' if words else ''}{' '.join(words)}"
        report(title, f"{statistics.median(times):.1f} / {late:.1f} ms", f"≤ {median:g} / {worst:g} ms (median / p99)")
        if not words:
            report("", f"{statistics.median(sizes):.0f} / {sizes[-1]} B", "≤ 3 kB (median / most)")
        screen.close()


def idle(rounds: int) -> None:
    screen = Screen(160, 45)
    screen.first_paint()
    screen.listen(10)
    cpu, seconds = screen.cpu(), rounds * 10
    sent = screen.listen(seconds)
    used = (screen.cpu() - cpu) / seconds
    report("idle with 100 servers", f"{used:.1%} and {sent / seconds:.0f} B/s", "≤ 1 % of a core and 200 B/s")
    screen.close()


def uploads(rounds: int) -> None:
    for columns, rows, count in ((160, 45, "3"), (200, 60, "20"), (200, 60, "100")):
        screen = Screen(columns, rows, "--uploads", count)
        screen.first_paint()
        screen.listen(6)
        cpu, seconds = screen.cpu(), rounds * 5
        sent = screen.listen(seconds)
        used = (screen.cpu() - cpu) / seconds
        report(f"{count} uploads at {columns}x{rows}", f"{sent / seconds / 1000:.1f} kB/s, {used:.0%}", "≤ 30 kB/s")
        screen.close()
    keys(rounds, "--uploads", "100", median=15, worst=60)


def memory(rounds: int) -> None:
    """What the process holds, and, in a run of its own that Python traces, what its objects take of that."""
    for what, options in (("held", ()), ("of objects", ("-X", "tracemalloc"))):
        events = 2_000_000 if rounds > 1 and not options else 1_000_000  # tracing takes three times as long
        with tempfile.NamedTemporaryFile("r") as seen:
            words = ["--servers", "10", "--releases", "8", "--events", str(events), "--memory", seen.name]
            screen = Screen(160, 45, *words, program=[sys.executable, *options, *PROGRAM[1:]])
            screen.first_paint()
            marks: list[list[str]] = []
            while not marks or int(marks[-1][0]) < events:
                if screen.process.poll() is not None:
                    raise SystemExit("the dashboard ended")
                screen.listen(1)
                seen.seek(0)
                marks = [text.split() for text in seen.read().splitlines()]
            screen.close()
        place = 2 if options else 1
        values = "  ".join(f"{int(mark[0]) // 1000}k {float(mark[place]):.1f}" for mark in marks)
        report(f"memory {what}, MB after so many events", values, "flat")


def leaving(rounds: int) -> None:
    seconds = []
    for _ in range(rounds):
        screen = Screen(160, 45, "--hang")
        screen.first_paint()
        screen.listen(3)
        seconds.append(screen.quit())
        screen.close()
    report("quitting with 100 servers that hang", f"{statistics.median(seconds):.2f} s", "≤ 0.5 s")


CELLS: dict[str, Callable[[int], None]] = {
    "start": start,
    "keys": lambda rounds: keys(rounds, median=8, worst=40),
    "idle": idle,
    "uploads": uploads,
    "memory": memory,
    "leaving": leaving,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dashboard", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--rounds", type=int, default=3)
    words = parser.parse_args()
    for name in words.only:
        CELLS[name](words.rounds)


if __name__ == "__main__":
    main()
