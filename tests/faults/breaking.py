"""Operations that are broken at random moments on three servers, and what must hold after each of them."""

from __future__ import annotations

import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Callable

from core import DeployRequest, RecoverRequest
from core.errors import EXIT_DONE, EXIT_PERSON, EXIT_USAGE, UsageError
from tests.faults.operators import CLOCKS, Operators, clock_wrong_by
from tests.waiting import PATIENCE as LONG
from tests.waiting import until

FILES = {f"folder{n % 4}/file{n}": f"{n} " * n for n in range(40)} | {"large": "x" * 400_000}
PHASES = ("upload", "stage", "switch", "finish")
LAYOUTS = ("plain", "releases", "root")
"""Which folder of the first server is a file system of its own."""
PATIENCE = 6
"""Seconds after which a server gives the locks of a silent operator back: more than it takes between two beats."""
PRECIOUS = "uploaded by a visitor\n"


class Breaking:
    """Three servers, two of them behind slow networks so that they are not in step, and what happened, counted.

    Every operator's clock is wrong by another number of seconds. On one server a folder in shared/ is mounted, on
    another the whole root or releases/ (which of them, the seed decides).
    """

    def __init__(
        self,
        seed: int,
        servers,
        proxy,
        project_factory,
        operators,
        truth,
        mounts,
        how: Callable[[Breaking], str],
        layout: str = "",
    ) -> None:
        """`how` breaks something and gives a name for what it did."""
        self.seed = seed
        self.how = how
        self.one_release = False
        self.expected = ""
        """the release of somebody else that has to be live, "" for none"""
        self.may_claim = True
        """whether the operator that is broken may end with 0"""
        self.choose = random.Random(seed)
        self.servers = fleet = servers(3, separate=True)
        self.networks, far = zip(*[proxy(place) for place in fleet[1:]], strict=True)
        if mounts.possible:
            layout = layout or self.choose.choice(LAYOUTS)
            if layout != "plain":
                mounts.tmpfs(fleet[0].files / layout.removeprefix("root"))
            mounts.bind(fleet[1].files / "shared/uploads", fleet[1].files.parent / "uploads")
        (fleet[1].files / "shared/uploads").mkdir(parents=True, exist_ok=True)
        (fleet[1].files / "shared/uploads/photo").write_text(PRECIOUS)
        deploy = {"keep": 3, "shared": ["uploads/"]}
        self.project = project_factory([fleet[0], *far], files=FILES, source="directory", deploy=deploy)
        self.facts = truth(self.project, fleet)
        self.facts.shared = {b"uploads"}
        self.operator: Operators = operators()
        self.operator.patience = PATIENCE
        self.seen: Counter = Counter()
        self.do(DeployRequest(tag="first"))
        self.do(DeployRequest(tag="second"))
        self.seconds = 1.0

    def do(self, request) -> None:
        """Carry out a request by an operator whose clock is wrong in its own way."""
        with clock_wrong_by(self.choose.choice(CLOCKS)):
            self.facts.do(request, wait=LONG)

    def run(self, kills: int) -> Counter:
        """Break so many operations, each followed by the check of what must hold and by a way out."""
        for number in itertools.count(1):
            if self.seen["kills"] >= kills:
                return self.seen
            place = self._kill_one(number)
            try:
                self._check(number)
            except Exception as error:
                about = f"seed {self.seed}, operator {number}, killed after {place!r}"
                left = f"{self.facts.live()}, left: {self.facts.rubbish()}, done: {dict(self.seen)}"
                raise AssertionError(f"{about}: {left}: {error!r}") from error

    def _kill_one(self, number: int) -> str:
        choose, operator = self.choose, self.operator
        for network in self.networks:
            network.delay = choose.uniform(0.0, 0.02)
        operator.clock = choose.choice(CLOCKS)
        self.expected, self.may_claim = "", True
        # More often something new, sometimes the same content under another tag.
        if choose.random() < 0.8:
            names = choose.sample(sorted(FILES), 5)
            self.project.write({name: f"{number} of {name}\n" * choose.randint(1, 200) for name in names})
        if choose.random() < 0.3:
            operator.start(self.project, "rollback", "production", "--yes")
        else:
            operator.start(self.project, "deploy", "production", "--yes", "--tag", f"r{number}")
        # A random moment of the whole, or shortly after a random phase has begun. Nothing rests on how long it is.
        if choose.random() < 0.5:
            time.sleep(choose.uniform(0.0, self.seconds))
        else:
            phase = choose.choice(PHASES)
            until(lambda: operator.said_phase(phase) or operator.said_phase("finish"), f"the phase {phase}")
            time.sleep(choose.uniform(0.0, 0.05))
        how = self.how(self)
        status = operator.end()
        for network in self.networks:
            network.thaw()
        # Half of the moments shall lie within the operation.
        self.seconds *= 0.95 if status == 0 else 1.03
        place = next((f"{e['event']} {e.get('phase', '')}" for e in reversed(operator.events())), "nothing")
        assert not any(e.get("type") == "InternalError" for e in operator.events()), operator.events()
        if status in (EXIT_DONE, EXIT_USAGE):  # done, or there was nothing to roll back to
            self.seen["too late"] += 1
        else:
            self.seen.update(["kills", how, f"ended with {status}", f"last said: {place}"])
        assert status != EXIT_DONE or self.may_claim, f"seed {self.seed}, operator {number}: it claims what is not so"
        # Whoever was not killed has put everything back, or says that a person is needed.
        self.one_release = 0 < status != EXIT_PERSON
        return f"{how}, {place}"

    def _check(self, number: int) -> None:
        facts = self.facts
        facts.complete(live_only=True)
        facts.at_rest()
        assert not self.expected or set(facts.live()) == {self.expected}, f"{self.expected} was live"
        assert not self.one_release or len(set(facts.live())) == 1
        self._recover(f"n{number}")
        facts.complete()
        assert len(set(facts.live())) == 1
        assert not facts.interrupted()
        assert (self.servers[1].files / "shared/uploads/photo").read_text() == PRECIOUS
        until(facts.swept, "incoming/ and trash/ to be empty")

    def _recover(self, tag: str) -> None:
        """A way out without manual work: the next deploy, or `recover` where something was interrupted."""
        facts, seen = self.facts, self.seen
        if facts.interrupted():
            seen["interrupted"] += 1
            seen["half switched"] += len(set(facts.live())) > 1
            way = self.choose.choice(["finish", "undo", "deploy"])
            if way != "deploy":
                seen[way] += 1
                try:
                    self.do(RecoverRequest(way))
                except UsageError as error:
                    # The word of the operation was lost on the way to that server: it is not finished there.
                    if way != "finish" or "it has no record of" not in error.title:
                        raise
                    seen["not to be finished"] += 1
                    self.do(RecoverRequest("undo"))
                return
        seen["next deploy"] += 1
        self.do(DeployRequest(tag=tag))
        assert set(facts.live()) == {tag}


def stopped(broken: Breaking) -> str:
    """Stop the operator until the servers have given its locks to somebody else's deploy, then let it go on.

    It may claim what was so before it stood still, and nothing else; and what is live now is none of its business.
    """
    operator, facts = broken.operator, broken.facts
    operator.stop()
    if facts.unlocked():  # it has not begun, or has ended
        operator.go_on()
        return "stopped for a moment"
    until(facts.unlocked, "the agents to give the locks of an operator back that stands still")
    broken.may_claim = facts.ended_well(operator.operation)
    broken.expected = f"x{broken.seen.total()}"
    broken.do(DeployRequest(tag=broken.expected))
    operator.go_on()
    return "stopped"


def seeded() -> int:
    return int(os.environ.get("FAULTS_SEED") or random.randrange(1 << 30))
