"""Days on which another tool and Turnout work by turns in one root, in any order, with the real agent."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable

import pytest

from core import AdoptRequest
from core.errors import UsageError
from tests.engine import test_old_tools
from tests.engine.driving import Engine, at_rest, live, releases
from tests.engine.test_old_tools import MOVES, Watched, first_deploy, point
from tests.foreign import lay
from tests.servers import Destination

STEPS = 8
"""On each day, after the first deploy."""
SAMPLE = 2
"""Days in every run of the tests; the soak has a thousand."""


class Day:
    """One root, and what happens in it; after each step nothing is gone that anybody could want."""

    def __init__(self, chance: random.Random, place: Destination, operator: Engine, name: str, monkeypatch) -> None:
        self.chance, self.place, self.operator, self.monkeypatch = chance, place, operator, monkeypatch
        self.move, self.root = MOVES[name], place.files
        was = os.readlink(self.root / "current")
        self.form = was[: was.rindex("/") + 1]
        self.ours: set[str] = set()
        self.watched = Watched(self.root, self.move)
        self.watched.ours = ()
        self.watched.again()
        self.steps: list[str] = []

    def begin(self) -> None:
        """The tool may go on for a while; then comes our first deploy."""
        for _ in range(self.chance.randint(0, 2)):
            self.step(self.chance.choice([self.next_of_tool, self.tool_goes_back]))
        numbered = self.move.tool == "Mina"
        tag = str(max(int(name) for name in releases(self.place)) + 1) if numbered else "t0"
        self.watched.ours = (tag,)
        first_deploy(self.operator, self.move, self.watched, None if numbered else tag)
        self._is_ours()
        assert self.ours == {tag}

    def step(self, work: Callable[[], None]) -> None:
        self.steps.append(work.__name__)
        work()
        self.watched.check()
        assert (self.root / "current").is_dir()
        at_rest([self.place])

    def any(self) -> None:
        """One step of those that can happen on a day."""
        ours = [self.deploy, self.undo, self.roll_back, self.prune, self.prune_for_ever, self.adopt]
        self.step(self.chance.choice([self.next_of_tool, self.tool_goes_back, *ours]))

    def next_of_tool(self) -> None:
        number = len(self.steps)
        self.monkeypatch.setattr(test_old_tools, "STAMP", f"2099{number:010}")
        self.monkeypatch.setattr(test_old_tools, "COMMIT", f"{number:040x}")
        self.move.next(self.root)
        self.watched.again()

    def tool_goes_back(self) -> None:
        """A person may have pruned all of its releases: then there is nothing to go back to."""
        if tags := [tag for tag in releases(self.place) if tag not in self.ours]:
            point(self.root, f"{self.form}{self.chance.choice(tags)}")

    def deploy(self) -> None:
        self.operator.deploy(tag=None if self.move.tool == "Mina" else f"t{len(self.steps)}", ref="HEAD")
        self._is_ours()

    def _is_ours(self) -> None:
        self.ours.add(live(self.place).rpartition("/")[2])
        self.watched.ours = tuple(self.ours)
        assert os.readlink(self.root / "current").startswith(self.form)

    def undo(self) -> None:
        before = self._live()
        try:
            assert self.operator.rollback().tag == self._live() != before
        except UsageError:
            assert self._live() == before

    def roll_back(self) -> None:
        tag = self.chance.choice(releases(self.place))
        self.operator.rollback(tag)
        assert self._live() == tag

    def prune(self) -> None:
        """Whatever cannot be made again stays: `watched` looks at all of it."""
        self.operator.prune(keep=self.chance.randint(1, 3))

    def prune_for_ever(self) -> None:
        """With a person's yes other tool's releases go, but not what is served, and not what an undo goes to."""
        before, kept = set(releases(self.place)), self._live()
        result = self.operator.prune(keep=self.chance.randint(1, 3), for_ever=True)
        gone = before - set(releases(self.place))
        assert kept not in gone, result
        self.watched.again()

    def adopt(self) -> None:
        undo = self.chance.random() < 0.5
        before = self._live()
        self.operator.run(AdoptRequest(undo=undo))
        assert self._live() == before

    def _live(self) -> str:
        return os.readlink(self.root / "current").rpartition("/")[2]


class Days:
    """Days with one tool after the other, each day from a seed of its own."""

    def __init__(self, place, project_factory, engine, monkeypatch) -> None:
        self.place, self.project_factory, self.engine, self.monkeypatch = place, project_factory, engine, monkeypatch

    def spend(self, seed: int) -> Day:
        name = sorted(MOVES)[seed % len(MOVES)]
        shutil.rmtree(self.place.files)
        lay(name, self.place.files)
        move = MOVES[name]
        options = {"shared": list(move.shared), "compatible": move.compatible}
        project = self.project_factory([self.place], deploy={key: value for key, value in options.items() if value})
        operator = self.engine(project)
        day = Day(random.Random(seed), self.place, operator, name, self.monkeypatch)
        try:
            day.begin()
            for _ in range(STEPS):
                day.any()
        except BaseException:
            print(f"FAULTS_SEED={seed}: {name}: {' '.join(day.steps)}")
            raise
        finally:
            operator.fleet.close()
        shutil.rmtree(project.folder)
        return day


@pytest.fixture
def days(sshd, project_factory, engine, monkeypatch):
    return Days(sshd, project_factory, engine, monkeypatch)


def seeded() -> int:
    return int(os.environ.get("FAULTS_SEED") or random.randrange(1 << 30))


def test_nothing_is_lost_on_days_with_another_tool(days):
    seed = seeded()
    for number in range(SAMPLE):
        days.spend(seed + number)


@pytest.mark.soak
def test_soak_a_thousand_days_with_other_tools(days, capsys):
    seed, count = seeded(), int(os.environ.get("FAULTS_DAYS") or 1000)
    seen: Counter[str] = Counter()
    for number in range(count):
        day = days.spend(seed + number)
        seen.update(day.steps)
        if number % 50 == 49:
            with capsys.disabled():
                print(f"\nseed {seed}: {number + 1} days: {dict(seen)}")
