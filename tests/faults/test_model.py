"""Random sequences of operations and crashes on one real server, compared with a small model of what must be true."""

from __future__ import annotations

import itertools
import math
import os
import random
import time
from collections import Counter

import pytest

from core import DeployRequest, PruneRequest, RecoverRequest, RollbackRequest
from core.errors import EXIT_DONE, TurnoutError, UsageError
from core.manifest import parse
from core.retention import FAILED_KEPT
from tests.engine.driving import record, records, releases
from tests.faults.breaking import LAYOUTS, PATIENCE, PHASES, PRECIOUS, seeded
from tests.faults.conftest import entries_of
from tests.faults.operators import CLOCKS, clock_wrong_by
from tests.projects import holding_hook
from tests.waiting import until

KEEP = 3


class Model:
    """What must be true: `order` has every tag that was ever released, oldest first."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.content: dict[str, str] = {}
        self.present: set[str] = set()
        self.skipped: set[str] = set()
        """left by a rollback, or in `bad`"""
        self.bad: set[str] = set()
        """marked as failed, or never live: they have a limit of their own"""
        self.live = ""
        self.past: list[str] = []
        """what was live before, the latest last: a switch that was undone is not in it"""

    @property
    def previous(self) -> str:
        """What a rollback without a tag leads to."""
        lived = [tag for tag in reversed(self.past) if tag != self.live and tag in self.order and tag not in self.bad]
        older = self.order[: self.order.index(self.live)] if self.live else []
        return next(iter(lived), next((tag for tag in reversed(older) if tag not in self.skipped), ""))

    def switched(self, tag: str) -> None:
        self.past += [self.live] if self.live else []
        self.live = tag

    def kept(self, number: int, live: str) -> set[str]:
        """Of the releases that have their files the newest good ones, so many, and the newest bad ones."""
        there = [tag for tag in reversed(self.order) if tag in self.present]
        good = [tag for tag in there if tag not in self.bad or tag == live]
        bad = [tag for tag in there if tag not in good]
        return {*good[:number], *bad[:FAILED_KEPT]}

    def deployed(self, tag: str, content: str) -> None:
        before = self.live
        self.present &= self.kept(KEEP - 1, before) | {before}
        self.order.append(tag)
        self.content[tag] = content
        self.present.add(tag)
        self.switched(tag)

    def rolled_back(self, tag: str) -> None:
        if self.order.index(tag) < self.order.index(self.live):
            self.skipped.add(self.live)
        self.skipped.discard(tag)
        self.bad.discard(tag)
        self.present.add(tag)
        self.switched(tag)

    def pruned(self, keep: int) -> None:
        self.present &= self.kept(keep, self.live) | {self.live, self.previous}


class Walk:
    """A random walk; each step is taken on the server and in the model, and then they are compared.

    Every operation is another operator's, and all their clocks are wrong. A folder in shared/ is mounted, and so is
    the whole root, or releases/, or none of them, as the seed decides.
    """

    def __init__(self, seed: int, sshd, project_factory, operators, truth, mounts, layout: str = "") -> None:
        self.choose = random.Random(seed)
        self.place = sshd
        self.uploads = sshd.files / "shared/uploads"
        layout = layout or self.choose.choice(LAYOUTS)
        if mounts.possible:
            if layout != "plain":
                mounts.tmpfs(sshd.files / layout.removeprefix("root"))
            mounts.bind(self.uploads, sshd.files.parent / "uploads")
        self.uploads.mkdir(parents=True, exist_ok=True)
        (self.uploads / "photo").write_text(PRECIOUS)
        files = {"index.html": "0", **{f"f{n}": f"{n}\n" * 50 for n in range(20)}}
        self.project = project_factory([sshd], files=files, deploy={"keep": KEEP, "shared": ["uploads/"]})
        self.facts = truth(self.project, [sshd])
        self.facts.shared = {b"uploads"}
        self.operator = operators()
        self.operator.patience = PATIENCE
        self.model = Model()
        self.numbers = itertools.count(1)
        self.done: list[str] = []
        self.counted: Counter = Counter()
        self.origins: set[str] = set()
        """where crashes that nobody has cleared up began, and where they were to lead"""

    def walk(self, steps: int, seconds: float = math.inf) -> Counter:
        """Take so many steps, or as many as begin within the time."""
        deadline = time.monotonic() + seconds
        kinds = {
            self.deploy: 4,
            self.rollback: 3,
            self.rollback_to: 3,
            self.prune: 1,
            self.prune_one: 2,
            self.clear_cache: 1,
            self.crash: 5,
            self.stop: 2,
        }
        self.deploy()
        while len(self.done) < steps and time.monotonic() < deadline:
            step = self.choose.choices(list(kinds), list(kinds.values()))[0]
            self.counted[step.__name__] += 1
            step()
            try:
                self.compare()
            except AssertionError as error:
                raise AssertionError(f"{error} after {self.done[-12:]}") from error
        return self.counted

    def do(self, request):
        """Carry out a request by an operator whose clock is wrong in its own way."""
        with clock_wrong_by(self.choose.choice(CLOCKS)):
            return self.facts.do(request)

    def compare(self) -> None:
        model, facts = self.model, self.facts
        assert (self.uploads / "photo").read_text() == PRECIOUS
        facts.complete()
        assert facts.live() == [model.live]
        assert set(releases(self.place)) == model.present
        assert records(self.place) == sorted(model.order)
        assert {tag for tag in model.order if self.is_skipped(tag)} == model.skipped
        assert {tag for tag in model.order if self.is_bad(tag)} == model.bad
        assert (self.place.files / "current/index.html").read_text() == model.content[model.live]
        seqs = [record(self.place, tag).seq for tag in model.order]
        assert seqs == sorted(set(seqs))
        cache = self.place.files / ".turnout/cache.manifest"
        if cache.exists():
            assert entries_of(self.place.files / "deploy-cache") == parse(cache.read_text()).entries
        assert facts.unlocked()

    def is_skipped(self, tag: str) -> bool:
        return record(self.place, tag).left or self.is_bad(tag)

    def is_bad(self, tag: str) -> bool:
        unused = (self.place.files / f".turnout/manifests/{tag}.unused").exists()
        return bool(record(self.place, tag).failed) or unused

    def deploy(self) -> None:
        tag, content = self.changed()
        self.do(DeployRequest(tag=tag))
        self.model.deployed(tag, content)
        self.origins.clear()
        self.done.append(f"deploy {tag}")

    def changed(self) -> tuple[str, str]:
        number = next(self.numbers)
        files = {f"f{n}": f"{number} {n}\n" * 50 for n in self.choose.sample(range(20), 5)}
        self.project.commit({"index.html": f"content {number}", **files})
        return f"r{number}", f"content {number}"

    def rollback(self) -> None:
        target = self.model.previous
        self.done.append(f"rollback (to {target or 'nothing'})")
        if target:
            assert self.do(RollbackRequest()).tag == target
            self.model.rolled_back(target)
            self.origins.clear()
        else:
            with pytest.raises(UsageError):
                self.do(RollbackRequest())

    def rollback_to(self) -> None:
        tag = self.choose.choice(self.model.order[-8:])
        self.done.append(f"rollback to {tag}")
        self.do(RollbackRequest(tag))
        if tag != self.model.live:
            self.model.rolled_back(tag)
            self.origins.clear()

    def prune(self) -> None:
        keep = self.choose.randint(1, 3)
        self.done.append(f"prune --keep {keep}")
        self.do(PruneRequest(keep=keep))
        self.model.pruned(keep)

    def prune_one(self) -> None:
        tag = self.choose.choice(sorted(self.model.present))
        self.done.append(f"prune {tag}")
        if tag in (self.model.live, self.model.previous):
            with pytest.raises(UsageError):
                self.do(PruneRequest((tag,)))
        else:
            self.do(PruneRequest((tag,)))
            self.model.present.discard(tag)

    def clear_cache(self) -> None:
        self.done.append("clear the cache")
        self.do(PruneRequest(cache=True))
        assert os.listdir(self.place.files / "deploy-cache") == []

    def crash(self) -> None:
        """Kill the operator of a deploy or a rollback when a phase has begun; then recover, or leave it as it is."""
        model, facts = self.model, self.facts
        before, had = model.live, set(model.present)
        phase, target, content = self.begin_one()
        self.operator.signal()
        self.operator.end()
        facts.at_rest()
        self.done.append(f"crash at {phase} on the way from {before} to {target}")
        assert facts.live()[0] in (before, target)
        assert facts.live()[0] in set(releases(self.place)) <= had | {target}
        if facts.interrupted() and self.choose.random() < 0.7:
            way = self.choose.choice(["finish", "undo"])
            was = facts.live()[0]
            try:
                self.do(RecoverRequest(way))
            except TurnoutError as error:
                raise AssertionError(f"{error} after {self.done[-12:]}, {way}") from error
            self.counted[way] += 1
            self.done.append(way)
            again = 0
            while facts.interrupted():
                # An earlier one that nobody has cleared up is still open: an undo settles only what it undid.
                assert way == "undo" and self.origins and again < 10, f"still interrupted after {self.done[-12:]}"
                self.do(RecoverRequest(way))
                again += 1
            # Where this one switched nothing, an earlier one may be what is finished or undone.
            expected = {target} if way == "finish" else {before}
            if was == before or again:
                expected = {before, target, *self.origins}
            assert facts.live()[0] in expected, f"{facts.live()} is none of {expected}"
            self.origins.clear()
        else:
            self.origins |= {before, target}
        self.believe(target, content)

    def stop(self) -> None:
        """Stop the operator of a deploy or a rollback in a phase or in a hook, until its lock has been given back and
        somebody else has deployed; then let it go on."""
        facts, operator = self.facts, self.operator
        before = self.model.live
        moment = self.choose.choice(["", "prepare", "before-switch", "after-switch", "success"])
        config, holding = self.project.config.read_text(), self.project.folder / "holding"
        self.project.config.write_text(config + (holding_hook(moment) if moment else ""))
        holding.unlink(missing_ok=True)
        phase, target, content = self.begin_one()
        until(lambda: not moment or holding.exists() or operator.said_phase("finish"), f"the hook {moment}")
        self.project.config.write_text(config)
        operator.stop()
        held = not facts.unlocked()
        until(facts.unlocked, "the agent to give the lock of an operator back that stands still")
        until(lambda: not facts.holders(), "the agent to leave")
        had_ended = facts.ended_well(operator.operation)
        assert facts.live()[0] in (before, target)
        self.believe(target, content)
        self.deploy()
        expected, had = self.model.live, set(self.model.present)
        operator.go_on()
        let_go = holding.with_name("let-go")  # a link to nowhere: a hook that begins only now makes no file to wait for
        let_go.symlink_to("nowhere/at-all")
        let_go.replace(holding)
        status = operator.end()
        self.done.append(
            f"stopped at {moment or phase} on the way from {before} to {target}, with the lock: {held}, then {status}"
        )
        facts.at_rest()
        # Without the lock, it had not begun yet, and then is the last to deploy; or it had nothing to do.
        late = target if not held and not had_ended and status == EXIT_DONE else expected
        assert facts.live()[0] in (expected, late), f"{facts.live()} after {self.done[-12:]}"
        assert status != EXIT_DONE or had_ended or not held, f"it claims what is not so, after {self.done[-12:]}"
        if facts.live() == [expected]:
            assert had - {target} == set(releases(self.place)) - {target}
        assert not facts.interrupted()
        self.believe(target, content)

    def begin_one(self) -> tuple[str, str, str]:
        """Start an operator, and wait until it has begun a phase: that phase, and where it leads."""
        operator, phase = self.operator, self.choose.choice(PHASES)
        operator.clock = self.choose.choice(CLOCKS)
        if self.choose.random() < 0.7:
            target, content = self.changed()
            operator.start(self.project, "deploy", "production", "--yes", "--tag", target)
        else:
            target = self.choose.choice(self.model.order[-5:])
            content = self.model.content[target]
            operator.start(self.project, "rollback", "production", target, "--yes")
        holding = self.project.folder / "holding"

        def begun() -> bool:
            return operator.said_phase(phase) or operator.said_phase("finish") or holding.exists()

        until(begun, f"the phase {phase}")
        return phase, target, content

    def believe(self, target: str, content: str) -> None:
        """What was not said to be so is as it is; that it is complete and consistent is what is compared."""
        model, recorded = self.model, records(self.place)
        model.order = [tag for tag in model.order if tag in recorded]
        model.content[target] = content
        # Also one that broke off before it was recorded, and that was finished together with a later one.
        found = [tag for tag in recorded if tag not in model.order and tag in model.content]
        model.order += sorted(found, key=lambda tag: int(tag[1:]))
        now = self.facts.live()[0]
        if now != model.live and model.past and now == model.past[-1] and self.done[-1] == "undo":
            model.live = model.past.pop()
        elif now != model.live:
            model.switched(now)
        model.present = set(releases(self.place))
        model.skipped = {tag for tag in model.order if self.is_skipped(tag)}
        model.bad = {tag for tag in model.skipped if self.is_bad(tag)}


@pytest.mark.slow
def test_a_random_walk_agrees_with_the_model(sshd, project_factory, operators, truth, mounts):
    seed = seeded()
    print(f"seed {seed}")
    print(dict(Walk(seed, sshd, project_factory, operators, truth, mounts).walk(40)))


@pytest.mark.soak
@pytest.mark.parametrize("layout", LAYOUTS)
def test_soak_a_long_random_walk_agrees_with_the_model(sshd, project_factory, operators, truth, mounts, capsys, layout):
    seed = seeded()
    minutes = os.environ.get("FAULTS_MINUTES")
    steps, seconds = (1_000_000, float(minutes) * 60 / len(LAYOUTS)) if minutes else (200, math.inf)
    counted = Walk(seed, sshd, project_factory, operators, truth, mounts, layout).walk(steps, seconds)
    with capsys.disabled():
        print(f"\nseed {seed}, {layout}: a walk of {counted.total()} steps: {dict(counted)}")
