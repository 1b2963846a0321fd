"""Six servers in three batches that are broken at a chosen moment, and what must hold after that."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

from core import DeployRequest, RecoverRequest
from core.errors import EXIT_DONE, UsageError
from core.records import left_behind
from tests.faults.operators import Operators
from tests.faults.test_breaks import agents_of
from tests.processes import kill
from tests.projects import hook
from tests.waiting import PATIENCE as LONG
from tests.waiting import until

SERVERS = 6
ASKED = {"held": "hold", "hold": "batch", "settle": "settle", "server": "server", "failed": "batch"}
"""Where a person is asked, and the kind of the question: before all batches, before the next one, while checks bake,
after a server failed before its switch, and after a batch failed.
"""
PHASES = ("drain", "switch", "after-switch", "check", "return", "pause", "back", "barrier", *ASKED)
"""Where something is broken: a phase of a batch, what lies between two, the way back, or before all of them."""
KEYS = {
    "pause": {"pause": "150ms"},
    "hold": {"pause": "hold"},
    "settle": {"bake": "60s"},
    "server": {"on-failure": "ask"},
    "failed": {"on-failure": "ask"},
}
"""What the environment needs for a phase."""
KINDS = ("operator", "connection", "agent", "cancel")


class Rolling:
    """Servers in batches of two, of which the ones with even numbers are behind networks that can be cut.

    A server that is drained has a file that says so; no server may have it in the end.
    """

    def __init__(self, seed: int, servers, proxy, project_factory, operators, truth) -> None:
        self.seed = seed
        self.choose = random.Random(seed)
        self.servers = servers(SERVERS)
        self.networks, far = zip(*[proxy(place) for place in self.servers[1::2]], strict=True)
        places = [place for pair in zip(self.servers[::2], far, strict=True) for place in pair]
        self.names = [place.alias for place in places]
        options = {"strategy": "rolling", "batch": 2}
        step = "sleep 0.03; test ! -e $TURNOUT_ROOT/fails-{0}-$TURNOUT_TAG"
        hooks = hook("drain", "touch $TURNOUT_ROOT/drained; " + step.format("drain"))
        hooks += hook("after-switch", step.format("after-switch"))
        hooks += hook("return", step.format("return") + " && rm -f $TURNOUT_ROOT/drained")
        checks = "\n[[checks]]\nrun = '''test ! -e $TURNOUT_ROOT/fails-check-$TURNOUT_TAG'''\nattempts = 1\n"
        self.project = project_factory(
            places, files={"index.html": "0"}, source="directory", environment_options=options, extra=hooks + checks
        )
        self.plain = self.project.config.read_text()
        self.facts = truth(self.project, self.servers)
        self.operator: Operators = operators()
        self.operator.patience = 6
        self.seen: Counter = Counter()
        self.facts.do(DeployRequest(tag="r0", at_once=True))
        self.old = "r0"
        # With each seed a few runs begin at another phase and kind.
        self.number = seed % (len(PHASES) * len(KINDS))

    def configure(self, **keys: object) -> None:
        """Give the environment other keys."""
        text = self.plain
        for key, value in keys.items():
            written = f'"{value}"' if isinstance(value, str) else value
            lines = [line for line in text.splitlines(keepends=True) if not line.startswith(f"{key} =")]
            place = next(n for n, line in enumerate(lines) if line.startswith("strategy ="))
            text = "".join([*lines[:place], f"{key} = {written}\n", *lines[place:]])
        self.project.config.write_text(text)
        self.facts.close()
        self.facts.project = self.project.load()

    def drained(self) -> list[str]:
        return [place.alias for place in self.servers if (place.files / "drained").exists()]

    def next_tag(self) -> str:
        self.number += 1
        self.project.write({"index.html": f"{self.number}\n"})
        return f"r{self.number}"

    def run(self, kills: int) -> Counter:
        """Break so many deploys, each at another moment, and end each by recover or the next deploy."""
        while self.seen["kills"] < kills:
            phase, kind = PHASES[self.number % len(PHASES)], KINDS[sum(divmod(self.number, len(PHASES))) % len(KINDS)]
            batch = self.choose.randint(1, 3)
            about = f"seed {self.seed}, number {self.number + 1}: {kind} in {phase} of batch {batch}"
            try:
                self.break_one(phase, kind, batch)
            except Exception as error:
                raise AssertionError(f"{about}: {self.facts.live()}, drained: {self.drained()}: {error!r}") from error
        return self.seen

    def break_one(self, phase: str, kind: str, batch: int) -> None:
        """One deploy that is broken, what must hold then, and the way out."""
        facts, operator = self.facts, self.operator
        keys: dict[str, object] = dict(KEYS.get(phase, {}))
        if self.choose.random() < 0.4:
            keys["allow-failed"] = 1
        self.configure(**keys)
        tag = self.next_tag()
        fails = self._broken_file(phase, batch, tag)
        held = ["--hold"] if phase == "held" else []
        operator.start(self.project, "deploy", "production", "--yes", "--tag", tag, *held)
        facts.close()  # only the operator's connections are there to be broken
        until(lambda: self._reached(phase, batch) or self._ended(), f"{phase} of batch {batch}")
        time.sleep(self.choose.uniform(0.0, 0.04))
        self._break(kind, batch)
        if phase in ASKED and kind in ("connection", "agent") and not self._ends_by_itself():
            operator.signal(signal.SIGTERM)  # nobody answers: it undoes what it did, with what is left of its servers
        status = operator.end()
        for network in self.networks:
            network.thaw()
        late = status == EXIT_DONE and kind in ("operator", "cancel")
        self.seen.update(["too late"] if late else ["kills", phase, kind, f"ended with {status}"])
        assert not any(e.get("type") == "InternalError" for e in operator.events()), operator.events()
        if fails:
            fails.unlink(missing_ok=True)
        self.configure()
        facts.complete(live_only=True)
        facts.at_rest()
        self._way_out(tag, status)
        facts.complete()
        assert not facts.interrupted()
        assert not self.drained(), "a server was not brought back"

    def _broken_file(self, phase: str, batch: int, tag: str) -> Path | None:
        """Let fail what has to fail for this phase: a hook or a check of the batch, or a check of the last batch."""
        steps = {"back": ("check", 3), "server": ("drain", batch), "failed": ("check", batch)}
        if phase not in steps:
            return None
        step, number = steps[phase]
        path = self.servers[2 * number - 1].files / f"fails-{step}-{tag}"
        path.touch()
        return path

    def _ends_by_itself(self) -> bool:
        """Whether an operation that has lost a server ends without a word of a person, given a while for that."""
        if self.choose.random() < 0.5:
            return False
        until_then = time.monotonic() + 3.0
        while time.monotonic() < until_then and not self._ended():
            time.sleep(0.1)
        self.seen["ended by itself"] += self._ended()
        return self._ended()

    def _reached(self, phase: str, batch: int) -> bool:
        servers = self.names[2 * batch - 2 : 2 * batch]
        for event in self.operator.events():
            match phase, event["event"]:
                case "drain" | "switch" | "check" | "return", "phase-started":
                    if event["phase"] == phase and event["server"] in servers:
                        return True
                case "after-switch", "hook-started":
                    if event["on"] == phase and event["server"] in servers:
                        return True
                case "pause", "paused":
                    if event["number"] >= min(batch, 2):
                        return True
                case (("held" | "hold" | "settle" | "server" | "failed"), "asked"):
                    question = event["question"]
                    about_it = phase != "settle" or set(question["servers"]) <= set(servers)
                    if question["kind"] == ASKED[phase] and about_it:
                        return True
                case "back", "going-back":
                    return True
                case "barrier", "phase-started":
                    if event["phase"] == phase:
                        return True
        return False

    def _ended(self) -> bool:
        return any(event["event"] == "result" for event in self.operator.events())

    def _break(self, kind: str, batch: int) -> None:
        if kind == "operator":
            self.operator.signal()
            for network in self.networks:
                if self.choose.random() < 0.3:
                    network.cut()
        elif kind == "cancel":
            self.operator.signal(signal.SIGINT)
        elif kind == "connection":
            self.networks[batch - 1].cut()
        elif agents := agents_of(self.servers[0]):
            # All servers are on one sshd: any of their agents.
            kill([self.choose.choice(agents)])

    def _way_out(self, tag: str, status: int) -> None:
        """What is live is one release wherever it can be, and `recover` or the next deploy makes it so."""
        facts = self.facts
        if facts.interrupted():
            self.seen["interrupted"] += 1
            self.seen["half switched"] += len(set(facts.live())) > 1
            self.seen["drained"] += bool(self.drained())
            way = self.choose.choice(["finish", "undo", "deploy"])
            self.seen[way] += 1
            if way == "deploy":
                tag = self.next_tag()
                facts.do(DeployRequest(tag=tag), wait=LONG)
            else:
                way = self._recover(way)
            wanted = self.old if way == "undo" else tag
        else:
            wanted = tag if status == EXIT_DONE else self.old
            wanted = wanted if status >= 0 else facts.live()[0]
        behind = set(left_behind(facts.kept.inspect().states.values())) if facts.kept else set()
        live = {name: tag for name, tag in zip(self.names, facts.live(), strict=True) if name not in behind}
        assert set(live.values()) == {wanted}, f"{live}, wanted {wanted}"
        self.old = wanted
        if behind:
            self.seen["left out"] += 1
            self.old = self.next_tag()
            facts.do(DeployRequest(tag=self.old, at_once=True), wait=LONG)
            assert set(facts.live()) == {self.old}

    def _recover(self, way: str) -> str:
        try:
            self.facts.do(RecoverRequest(way), wait=LONG)
        except UsageError as error:
            # The word of the operation was lost on the way to a server: it is not finished there.
            if way != "finish" or "it has no record of" not in error.title:
                raise
            way = "undo"
            self.facts.do(RecoverRequest(way), wait=LONG)
        return way


def seeded() -> int:
    return int(os.environ.get("FAULTS_SEED") or random.randrange(1 << 30))
