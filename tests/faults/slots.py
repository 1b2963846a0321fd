"""Two servers with blue and green, whose operator or agents die at a chosen moment, and what must hold after that."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter

from core import DeployRequest, RecoverRequest, RollbackRequest
from core.errors import EXIT_DONE, UsageError
from tests.faults.operators import Operators
from tests.faults.test_breaks import agents_of
from tests.processes import kill
from tests.projects import hook
from tests.waiting import PATIENCE as LONG
from tests.waiting import until

PHASES = ("start", "staged", "hold", "switch", "turn", "check", "settle", "retire", "back", "failure")
"""Where something is broken, in the order of a deploy, and two of the way back."""
KINDS = ("operator", "agent", "cancel")
ON = {"start": "before-switch", "turn": "after-switch", "retire": "retire", "failure": "failure"}

# A slot is a file: what starts in one that is in use, or stops what serves, leaves a complaint for the test.
RUN = '"$TURNOUT_ROOT/run.$TURNOUT_SLOT"'
SLOW = "sleep 0.03; "
START = f'[ ! -e {RUN} ] || {{ echo "started twice in $TURNOUT_SLOT" >> "$TURNOUT_ROOT/odd"; exit 1; }}; '
START += f'echo "$TURNOUT_TAG $TURNOUT_PORT" > {RUN}; {SLOW}true'
TURN = f'[ -e {RUN} ] || {{ echo "turned to nothing, $TURNOUT_TAG" >> "$TURNOUT_ROOT/odd"; exit 1; }}; '
TURN += f'{SLOW}test ! -e "$TURNOUT_ROOT/stuck" && echo "$TURNOUT_SLOT" > "$TURNOUT_ROOT/proxy"; '
TURN += 'test ! -e "$TURNOUT_ROOT/stuck"'
SERVES = '[ "$(cat "$TURNOUT_ROOT/proxy" 2> /dev/null)" != "$TURNOUT_SLOT" ]'
KEPT = f'{SERVES} || {{ echo "stopped what serves, $TURNOUT_TAG" >> "$TURNOUT_ROOT/odd"; exit 1; }}; '
STOP = f"{KEPT}{SLOW}rm {RUN}"  # as `kill` does, it fails where nothing runs
HOOKS = hook("before-switch", START) + hook("after-switch", TURN) + hook("retire", STOP)
HOOKS += hook("failure", f"{KEPT}{SLOW}rm -f {RUN}")
STAGED = f"""
[[checks]]
when = "staged"
run = '''{SLOW}grep -q "^$TURNOUT_TAG $TURNOUT_PORT" "$TURNOUT_ROOT/run.$TURNOUT_SLOT"'''
attempts = 1
"""
CHECK = """
[[checks]]
run = '''sleep 0.03; test ! -e "$TURNOUT_ROOT/fails-$TURNOUT_TAG"'''
attempts = 1
"""


class BlueGreen:
    """Servers where each slot that is in use has a file `run.SLOT`, and the one that serves is named in `proxy`."""

    def __init__(self, seed: int, pair, project_factory, operators, truth) -> None:
        self.seed = seed
        self.choose = random.Random(seed)
        self.servers = pair
        slots = {"blue": 8001, "green": 8002} | ({"red": 8003} if self.choose.random() < 0.3 else {})
        self.slots = len(slots)
        self.project = project_factory(
            pair,
            files={"index.html": "0"},
            source="directory",
            environment_options={"slots": slots},
            extra=HOOKS + STAGED + CHECK,
        )
        self.plain = self.project.config.read_text()
        self.facts = truth(self.project, pair)
        self.operator: Operators = operators()
        self.operator.patience = 6
        self.seen: Counter = Counter()
        self.facts.do(DeployRequest(tag="r0"))
        self.old = "r0"
        self.number = seed % (len(PHASES) * len(KINDS))
        self.whole()

    def run(self, kills: int) -> Counter:
        """Break so many deploys, each at another moment, and end each by recover or the next operation."""
        while self.seen["kills"] < kills:
            phase, kind = PHASES[self.number % len(PHASES)], KINDS[sum(divmod(self.number, len(PHASES))) % len(KINDS)]
            about = f"seed {self.seed}, number {self.number + 1}: {kind} in {phase}"
            self.ways: list[str] = []
            try:
                self.break_one(phase, kind)
            except Exception as error:
                raise AssertionError(f"{about}: {self.facts.live()}, {self.told()}: {error!r}; {self.ways}") from error
        return self.seen

    def told(self) -> list[dict[str, str]]:
        """What each server's own files say."""
        names = ("run.*", "proxy", "odd", ".turnout/slots")
        return [
            {path.name: path.read_text().strip() for name in names for path in sorted(place.files.glob(name))}
            for place in self.servers
        ]

    def whole(self) -> None:
        """What is live serves, and nothing else runs or has a slot; nothing was started twice or stopped too early.

        Where there are three slots, what was stopped may keep its own: its retire hook fails once nothing runs, and the
        next release gets the other one that is free.
        """
        for place, tag, said in zip(self.servers, self.facts.live(), self.told(), strict=True):
            assert "odd" not in said, said
            slot = said.get("proxy", "none")
            running = {name.removeprefix("run."): text for name, text in said.items() if name.startswith("run.")}
            port = {"blue": 8001, "green": 8002, "red": 8003}[slot]
            assert running == {slot: f"{tag} {port}"}, f"{place.alias}: {tag} is live, {said}"
            written = said["slots"].splitlines()
            assert f"{slot} {port} {tag} used" in written and len(written) < self.slots, said

    def serves(self) -> None:
        """What the proxy is turned to runs, wherever the operator died."""
        for said in self.told():
            assert "odd" not in said and f"run.{said['proxy']}" in said, said

    def next_tag(self) -> str:
        self.number += 1
        self.project.write({"index.html": f"{self.number}\n"})
        return f"r{self.number}"

    def break_one(self, phase: str, kind: str) -> None:
        """One deploy that is broken, what must hold then, and the way out."""
        facts, operator, tag = self.facts, self.operator, self.next_tag()
        if phase == "settle":
            baking = self.plain.replace("[environments.production]", '[environments.production]\nbake = "60s"', 1)
            self.project.config.write_text(baking)
        failing = [place.files / f"fails-{tag}" for place in self.servers if phase in ("back", "failure")]
        for path in failing:
            path.touch()
        operator.start(
            self.project, "deploy", "production", "--yes", "--tag", tag, *(["--hold"] if phase == "hold" else [])
        )
        facts.close()  # only the operator's connections are there to be broken
        until(lambda: self._reached(phase) or self._ended(), phase)
        time.sleep(self.choose.uniform(0.0, 0.06))
        if kind == "agent":
            if agents := agents_of(self.servers[0]):
                kill([self.choose.choice(agents)])
        else:
            operator.signal(signal.SIGINT if kind == "cancel" else signal.SIGKILL)
        if kind == "agent" and phase in ("hold", "settle") and not self._ended():
            time.sleep(0.5)
            operator.signal(signal.SIGTERM)  # nobody answers: it undoes what it did, with what is left of its servers
        status = operator.end()
        late = status == EXIT_DONE and kind in ("operator", "cancel")
        self.seen.update(["too late"] if late else ["kills", phase, kind, f"ended with {status}"])
        assert not any(e.get("type") == "InternalError" for e in operator.events()), operator.events()
        self.project.config.write_text(self.plain)
        for path in failing:
            path.unlink(missing_ok=True)
        facts.complete(live_only=True)
        facts.at_rest()
        self.serves()
        self._way_out(tag)
        facts.complete()
        assert not facts.interrupted()
        assert len(set(facts.live())) == 1, facts.live()
        self.old = facts.live()[0]
        if not self._tidy():  # what was started and never became live is stopped by the next operation that needs it
            self.seen["tidied by the next"] += 1
            self.old = self.next_tag()
            facts.do(DeployRequest(tag=self.old), wait=LONG)
        self.whole()

    def _tidy(self) -> bool:
        return all(len([name for name in said if name.startswith("run.")]) == 1 for said in self.told()) and all(
            said["slots"].count("\n") == 0 for said in self.told()
        )

    def _reached(self, phase: str) -> bool:
        for event in self.operator.events():
            match phase, event["event"]:
                case (("start" | "turn" | "retire" | "failure"), "hook-started"):
                    if event["on"] == ON[phase]:
                        return True
                case "staged", "hook-finished":
                    if event["on"] == "before-switch":
                        return True
                case (("switch" | "check"), "phase-started"):
                    if event["phase"] == phase:
                        return True
                case (("hold" | "settle"), "asked"):
                    return True
                case "back", "going-back":
                    return True
        return False

    def _ended(self) -> bool:
        return any(event["event"] == "result" for event in self.operator.events())

    def _way_out(self, tag: str) -> None:
        """`recover`, a deploy or a rollback ends it; one that cannot says that recover has to come first."""
        facts = self.facts
        if not facts.interrupted():
            return
        self.seen["interrupted"] += 1
        self.ways.append(f"{facts.live()} {self.told()}")
        self.seen["half switched"] += len(set(facts.live())) > 1
        wanted = self.choose.choice(["finish", "undo", "undo", "deploy", "rollback"])
        if wanted == "rollback" and set(facts.live()) == {self.old}:
            wanted = "undo"  # there is nothing to roll back
        ways = {
            "finish": RecoverRequest("finish"),
            "undo": RecoverRequest("undo"),
            "deploy": DeployRequest(tag=f"{tag}-again"),
            "rollback": RollbackRequest(self.old),
        }
        for way in (wanted, self.choose.choice(["finish", "undo"]), "undo"):
            try:
                facts.do(ways[way], wait=LONG)
            except UsageError as error:
                lost = way == "finish" and "it has no record of" in error.title
                assert lost or (way in ("deploy", "rollback") and "turnout recover" in error.title), error
                self.seen["refused" if not lost else "lost"] += 1
                continue
            self.seen[way] += 1
            self.ways.append(f"{way}, then {self.told()}")
            return
