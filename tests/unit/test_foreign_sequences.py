"""Another tool and Turnout by turns in one root, with prunes between, in many random orders (pure)."""

from __future__ import annotations

import random

from core.manifest import FOLDER_ENTRY, Manifest
from core.planner.deploy import plan_deploy
from core.planner.prune import plan_prune
from core.planner.release import PlanSettings
from core.planner.rollback import plan_rollback
from core.records import JournalLine, Record, Release, ServerState, previous_of
from tests.states import state

TREE = Manifest({b"d": FOLDER_ENTRY})
SEQUENCES, STEPS = 1000, 12


class Root:
    """A root and its journal; the other tool counts, moves `current` or a link of its own, and writes no journal."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.clock = 1e9
        self.releases: dict[str, Release] = {}
        self.links: dict[str, str] = {}
        self.current = ""
        self.journal: list[JournalLine] = []
        self.made = 0
        self.kept = chance.choice([1, 2, 3])

    def state(self) -> ServerState:
        found = [
            Release(tag=each.tag, record=each.record, present=True, mtime=each.mtime, live=each.tag == self.current)
            for each in self.releases.values()
        ]
        links: dict[str, tuple[str, ...]] = {}
        for link, tag in self.links.items():
            links[tag] = (*links.get(tag, ()), link)
        told = {"journal": tuple(self.journal), "transitions": tuple(self.journal[-1:]), "links": links}
        return state("web1", *found, link="current", cache_empty=True, **told)

    def switch(self, tag: str, kind: str) -> None:
        self.journal.append(
            JournalLine(
                what="switch", operation=f"{self.made:x}", kind=kind, time=self.clock, tag=tag, previous=self.current
            )
        )
        self.current = tag

    def prune(self, tags: tuple[str, ...], before: ServerState, way_back: str, *, agreed: bool) -> None:
        """What goes, and what must not: it is served, is the way back, or nothing makes it again."""
        for tag in tags:
            assert tag != before.current and tag not in before.links, f"{tag} is served"
            assert tag != way_back, f"{tag} is the way back"
            assert agreed or self.releases[tag].record, f"{tag} cannot be made again"
            del self.releases[tag]

    def other_tool(self) -> None:
        tag = str(self.made)
        self.releases[tag] = Release(tag=tag, present=True, mtime=self.clock)
        place = self.chance.choice(["current", "current", "current", "live", "preview"])
        if place == "current":
            self.current = tag
        else:
            self.links[place] = tag

    def other_tool_goes_back(self) -> None:
        if theirs := [tag for tag, release in self.releases.items() if not release.record]:
            self.current = self.chance.choice(theirs)

    def deploy(self) -> None:
        tag = f"t{self.made}"
        record = Record(tag=tag, seq=self.made, created=self.clock, source="git", digest=TREE.digest)
        before = self.state()
        plan = plan_deploy("production", [before], record, TREE, {"web1": None}, PlanSettings(keep=self.kept))
        assert plan.executable, plan.all_refusals
        self.switch(tag, "deploy")
        self.releases[tag] = Release(tag=tag, record=record, present=True, mtime=self.clock)
        self.prune(plan.steps[0].prune, before, before.current, agreed=False)

    def rollback(self) -> None:
        before = self.state()
        tag = self.chance.choice([None, *self.releases])
        plan = plan_rollback("production", [before], tag, {}, {}, PlanSettings())
        if not plan.executable:
            assert tag is None, plan.all_refusals
            return
        assert plan.tag in self.releases and (tag or plan.tag != self.current)
        if plan.tag != self.current:
            self.switch(plan.tag, "rollback")

    def clean(self) -> None:
        before = self.state()
        agreed = self.chance.random() < 0.5
        plan = plan_prune("production", [before], (), self.chance.randint(1, 3), False, {}, for_ever=agreed)
        assert plan.executable, plan.all_refusals
        self.prune(plan.steps[0].prune, before, previous_of([before]).tag, agreed=agreed)

    def step(self) -> None:
        self.made += 1
        self.clock += 60.0
        self.chance.choice([self.other_tool, self.other_tool_goes_back, self.deploy, self.rollback, self.clean])()
        assert not self.current or self.current in self.releases
        assert set(self.links.values()) <= set(self.releases)


def test_nothing_that_is_served_or_the_way_back_is_ever_pruned() -> None:
    removed = 0
    for seed in range(SEQUENCES):
        root = Root(random.Random(seed))
        for _ in range(STEPS):
            before = len(root.releases)
            root.step()
            removed += len(root.releases) < before
    assert removed > SEQUENCES / 5, "the sequences do remove releases"
