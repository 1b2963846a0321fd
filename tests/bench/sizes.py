"""`python -m tests.bench sizes [trees] [fleets] [releases]`: what large trees, many servers and many releases cost.

Whole commands on one sshd of this machine, each server a root of its own, one after the other; nothing is compared. The
walls of fleets say little, for all servers share this machine: the processor seconds and the memory of Turnout do.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

from tests.bench.application import write_history
from tests.bench.bed import Bed, Broken, Ours, check_out
from tests.servers import program

TREES = 5_000, 200_000
"""Files of the trees."""
FILE = 4096
"""Bytes of each; they do not compress."""
FLEETS = 1, 20, 50, 200
RELEASES = (20, 20), (20, 2000), (2000, 2000)
"""Releases that have their files, and records."""
PHASES = ("tree", "inspect", "begin", "plan", "upload", "stage")


def main(words: Sequence[str]) -> int:
    """Measure what is named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench sizes", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)}; by default all")
    parser.add_argument("--trees", type=int, nargs="+", default=TREES, help="files of the trees")
    parser.add_argument("--fleets", type=int, nargs="+", default=FLEETS, help="servers")
    parser.add_argument("--releases", type=int, default=RELEASES[-1][1], help="releases and records at most")
    parser.add_argument("--place", help="folder for everything; by default /dev/shm, else the temporary folder")
    options = parser.parse_args(words)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"{unknown[0]} is none of {', '.join(PARTS)}")
    if program("sshd") is None or program("git") is None:
        print("skipped: sshd or git is not installed here")
        return 0
    place = options.place or next((path for path in ("/dev/shm",) if os.access(path, os.W_OK)), None)
    print(f"{'':<34}{'command':<12}{'wall':>8}{'processor':>11}{'of programs':>13}{'memory':>9}")
    for part in options.parts or PARTS:
        with Bed(Path(tempfile.mkdtemp(prefix="turnout-sizes-", dir=place))) as bed:
            try:
                PARTS[part](bed, options)
            except Broken as error:
                print(f"{part} failed: {error}")
                return 1
    return 0


def trees(bed: Bed, options: argparse.Namespace) -> None:
    """Trees of few and of very many files, from git and from a folder, to one server."""
    for files in options.trees:
        repository = bed.folder / f"tree-{files}"
        write_tree(repository, files)
        ours = bed.project(f"git-{files}", "near", repository)
        title = f"{files:,} files, git"
        measure(ours, title, "first", "deploy", "--ref", "v1")
        measure(ours, title, "1 %", "deploy", "--ref", "v2")
        measure(ours, title, "no change", "deploy", "--ref", "v2")
        measure(ours, title, "rollback", "rollback")
        measure(ours, title, "plan", "deploy", "--ref", "v3", "--dry-run")
        measure(ours, title, "verify", "verify")
        shutil.rmtree(ours.folder)
        check_out(repository, "v1")
        ours = bed.project(f"folder-{files}", "near", repository, "directory")
        title = f"{files:,} files, folder"
        measure(ours, title, "first", "deploy")
        check_out(repository, "v2")
        measure(ours, title, "1 %", "deploy")
        measure(ours, title, "no change", "deploy")
        shutil.rmtree(ours.folder)
        shutil.rmtree(repository)


def fleets(bed: Bed, options: argparse.Namespace) -> None:
    """A small tree to few and to many servers, and what each is told of the others."""
    tree = bed.folder / "small"
    write_tree(tree, 100)
    for servers in options.fleets:
        ours = bed.project(f"fleet-{servers}", "near", tree, servers=servers)
        title = f"{servers} servers"
        for command, words in (
            ("first", ("deploy", "--ref", "v1")),
            ("change", ("deploy", "--ref", "v2")),
            ("rollback", ("rollback",)),
        ):
            measure(ours, title, command, *words)
        root = ours.root / "0" if servers > 1 else ours.root
        logs = [file.stat().st_size for file in (root / ".turnout/logs").iterdir()]
        print(f"{title:<34}events that a server got: {max(logs):,} bytes at most of an operation")
        shutil.rmtree(ours.folder)


def releases(bed: Bed, options: argparse.Namespace) -> None:
    """A server with many releases and records."""
    tree = bed.folder / "few"
    write_tree(tree, 50)
    for present, records in RELEASES:
        present, records = min(present, options.releases), min(records, options.releases)
        ours = bed.project(f"releases-{present}-{records}", "near", tree)
        config = ours.folder / "turnout.toml"
        config.write_text(f"{config.read_text()}\n[deploy]\nkeep = {max(present, 2)}\n")
        ours.cold("deploy", "--ref", "v1", "--tag", "first")
        copy_release(ours.root, present, records)
        title = f"{present:,} releases, {records:,} records"
        measure(ours, title, "deploy", "deploy", "--ref", "v2")
        measure(ours, title, "rollback", "rollback")
        measure(ours, title, "plan", "deploy", "--ref", "v3", "--dry-run")
        measure(ours, title, "history", "history")
        measure(ours, title, "prune", "prune", "--keep", str(max(present // 2, 2)))
        shutil.rmtree(ours.folder)


PARTS: dict[str, Callable[[Bed, argparse.Namespace], None]] = {"trees": trees, "fleets": fleets, "releases": releases}


def measure(ours: Ours, title: str, label: str, command: str, *words: str) -> None:
    """Run a command with a profile and print what it took."""
    asks = [] if command in ("history", "verify") else ["--yes"]
    line = [*ours.bed.turnout, command, "production", *words, *asks]
    environ = {**ours.environ, "TURNOUT_PROFILE": "1"}
    done = subprocess.run(line, cwd=ours.folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = re.search(
        r"profile: ([\d.]+) s; processor ([\d.]+) s, of programs that it ran ([\d.]+) s.*; memory (\d+) MB", done.stderr
    )
    if done.returncode or not found:
        raise Broken(f"{' '.join(line)}\n{done.stderr[-3000:]}")
    wall, processor, programs, memory = found.groups()
    rows = (row.split() for row in done.stderr.splitlines() if row.startswith("  "))
    phases = ", ".join(f"{row[0]} {row[3]}" for row in rows if len(row) > 3 and row[0] in PHASES)
    print(f"{title:<34}{label:<12}{wall:>7}s{processor:>10}s{programs:>12}s{memory:>6} MB  {phases}", flush=True)


def write_tree(folder: Path, files: int) -> None:
    """A repository with tags v1 to v3; of each, every hundredth file differs. One pack, as after a clone."""
    write_history(folder, _history(files), "-c", "core.compression=1")


def _history(files: int) -> Iterator[bytes]:
    pool = Random(7).randbytes(1 << 20)
    for version in range(3):
        yield b"commit refs/heads/main\ncommitter bench <bench@example.org> %d +0000\n" % (1_700_000_000 + version)
        yield b"data 8\nversion\n\n"
        for number in range(version - 1, files, 100) if version else range(files):
            place = (number * 37 + version) % (len(pool) - FILE)
            yield b"M 100644 inline d%d/e%d/file%d.js\ndata %d\n" % (number % 199, number % 13, number, FILE)
            yield pool[place : place + FILE] + b"\n"
        yield b"\nreset refs/tags/v%d\nfrom refs/heads/main\n\n" % (version + 1)


def copy_release(root: Path, present: int, records: int) -> None:
    """Make many releases of the one that is there, which becomes the newest of them."""
    own = root / ".turnout"
    record = (own / "records/first.toml").read_text()

    def numbered(text: str, number: int) -> str:
        return re.sub(r"^seq = \d+", f"seq = {number}", text, flags=re.MULTILINE)

    for number in range(records):
        tag = f"r{number:05}"
        (own / f"records/{tag}.toml").write_text(numbered(record.replace('"first"', f'"{tag}"'), number + 1))
        os.link(own / "manifests/first.manifest", own / f"manifests/{tag}.manifest")
        if number >= records - present:
            shutil.copytree(root / "releases/first", root / "releases" / tag)
    (own / "records/first.toml").write_text(numbered(record, records + 1))
