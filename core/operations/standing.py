"""Where each server is on its way from one release to another."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from core import variables
from core.operations.planning import Prepared
from core.operations.run import Run
from core.plan import DEPLOY, PROMOTE, ROLLBACK
from core.protocol.requests import ANYWHERE, live_at
from core.records import Record, Release, ServerState, is_tag, mark
from core.records.open_operations import may_serve
from core.records.stays import UNKNOWN_OPERATION
from core.recovery import interruption
from core.slots import Slots
from core.strategy import Batch


def was_live_before(state: ServerState) -> dict[str, object]:
    """The facts of a journal's end about what was live before the release that is live already."""
    before = next(iter(state.stays), None)
    if before is None or not before.until:
        return {}
    return {"previous": before.tag, "until": before.until, "by": before.operation or UNKNOWN_OPERATION}


def _newer(state: ServerState, one: Release, other: Release) -> bool:
    places = [release.tag for release in state.ordered]
    return places.index(one.tag) < places.index(other.tag)


def standing_of(run: Run, prepared: Prepared, states: Mapping[str, ServerState]) -> Standing:
    """Where the servers of an operation are as it begins."""
    return Standing(prepared, states, run.fleet.environment.slots, run.left_out, keeps=not run.hooks)


class Standing:
    """The plan, the servers' states under their locks, and what became of each server since.

    tag         the release that they go to, all or most of them: `tag_on` has each one's

    states      by server, as they were when the operation began
    made        servers on which this operation published the release
    switched    servers whose switch was asked for; whether it happened is certain only where it was answered
    drained     those that take no requests now: their drain hooks were started, and no return hook ended well since
    concluding  those that were asked to finish in the same round trip
    slots       which slot the releases have on each server
    carries     what is carried out: the operation's kind, or that of the interrupted one which it finishes or undoes
    approved    who said go where it was held; "" for nobody
    left_out    by server that takes no part (any more): why; the operation's own
    """

    def __init__(
        self,
        prepared: Prepared,
        states: Mapping[str, ServerState],
        slots: Mapping[str, int] | None = None,
        left_out: Mapping[str, str] | None = None,
        *,
        keeps: bool = False,
    ) -> None:
        """slots   of the environment, each with its port; keeps: no hook starts or stops anything there"""
        self.plan = prepared.plan
        self.left_out = {} if left_out is None else left_out
        self.states = states
        self.tag = prepared.plan.tag
        self._tags = prepared.plan.tags
        self._staying = prepared.plan.staying
        self.slots = Slots(slots or {}, states, self.tag, self._tags, keeps=keeps)
        self.made: set[str] = set()
        self.switched: set[str] = set()
        self.concluding: set[str] = set()
        found = prepared.interruption if prepared.plan.kind not in (DEPLOY, PROMOTE, ROLLBACK) else None
        self.carries = found.kind if found else prepared.plan.kind
        self.approved = ""
        self._switched_before = {name: before.tag for name, before in found.switched.items()} if found else {}
        self.targets = {name: state.current_target for name, state in states.items()}
        """By server: the link's text where a switch back points `current`, "" for no `current`."""
        self.batch: tuple[int, int, Batch] = (0, 0, ())
        """The number of the batch that is under way, from 1, how many there are, and its servers."""
        interrupted = interruption(states.values())
        self.drained: set[str] = set(interrupted.drained) if interrupted else set()
        self._interrupted = prepared.interruption.records if prepared.interruption else {}

    def tag_on(self, server: str) -> str:
        """The release that a server goes to, or that it stays on."""
        return self._tags.get(server, self.tag)

    @property
    def names(self) -> tuple[str, ...]:
        """The servers that take part."""
        return tuple(step.server for step in self.plan.steps if step.server not in self.left_out)

    @property
    def moving(self) -> tuple[str, ...]:
        """Those that switch to the release."""
        return tuple(name for name in self.plan.moving if name not in self.left_out)

    @property
    def reaching(self) -> tuple[str, ...]:
        """Those that are on the release in the end."""
        return tuple(name for name in self.plan.reaching if name not in self.left_out)

    def before(self, server: str) -> str:
        """The tag that is live there after a switch back; "" where that is no release."""
        state, target = self.states[server], self.targets[server]
        tag = state.current if target == state.current_target else target.rpartition("/")[2]
        return tag if is_tag(tag) else ""

    @property
    def batch_variables(self) -> dict[str, str]:
        """What hooks of a batch are told of it."""
        number, batches, servers = self.batch
        if not number or not self.plan.strategy.rolling:
            return {}
        there = (name for name in servers if name not in self.left_out)
        return variables.of_batch(there, number, batches)

    def record_of(self, server: str) -> Record | None:
        """The release's record for a server, with the slot that it has there: of a deploy the plan's; else the
        server's own, because no server decides what is true of another.
        """
        record = self._record_of(server)
        if record is None or not self.slots:
            return record
        use = self.slots.of(server)
        return replace(record, slot=use.slot, port=use.port)

    def _record_of(self, server: str) -> Record | None:
        tag = self.tag_on(server)
        record = self.plan.record_of(tag)
        if self.plan.kind == DEPLOY or record is None:
            return record
        release = self.states[server].releases.get(tag)
        for own in (release.record if release else None, self._interrupted.get(server)):
            if own and own.digest == record.digest:
                return own
        return record

    def left(self, server: str) -> str:
        """Where `current` has to point in the end, as Held.finish takes it: at the release, or on a server that
        takes no part where it pointed before.
        """
        state = self.states[server]
        return live_at(state.link_to(self.tag_on(server)) if server in self.moving else state.current_target)

    def left_now(self, server: str) -> str:
        """The same while servers switch. Where that is still to come, the switch itself looks."""
        return ANYWHERE if server in self.moving and server not in self.switched else self.left(server)

    @property
    def retired(self) -> dict[str, str]:
        """By server, the release that is left for good once all ends well, where there was one: also where an
        interrupted operation switched away from it.
        """
        left = {name: self.states[name].current for name in self.moving}
        return {name: tag for name, tag in {**self._switched_before, **left}.items() if tag}

    @property
    def stopped(self) -> dict[str, tuple[str, ...]]:
        """By server, the releases that are stopped once all ends well: those of `retired`, and what has a slot."""
        retired = self.retired
        names = dict.fromkeys((*self.moving, *self._switched_before, *self.unsettled))
        found = {name: dict.fromkeys((retired.get(name, ""), *self.slots.left(name))) for name in names}
        return {name: tuple(tag for tag in tags if tag) for name, tags in found.items()}

    @property
    def switched_before(self) -> frozenset[str]:
        """The servers that the interrupted operation which this one finishes had switched."""
        return frozenset(self._switched_before)

    @property
    def unsettled(self) -> tuple[str, ...]:
        """Those that have the release already, because an interrupted operation switched them to it or back to it: what
        comes after a switch may not have run there.
        """
        there = (name for name in self.reaching if name not in self.moving and name not in self._switched_before)
        return tuple(name for name in there if may_serve(self.states[name]))

    def was_live(self, server: str) -> dict[str, object]:
        """What the journal's end says was live before, so that undo knows however long ago the last switch is: on a
        server that did not switch, what its journals told of before.
        """
        state = self.states[server]
        if server in self.plan.moving:
            return {"previous": state.current}
        before = was_live_before(state)
        if server in self._switched_before:  # by the interrupted operation that this one finishes: both are one
            before.pop("by", None)
        return before

    def fates(self, server: str) -> list[Record]:
        """The records that a finished switch changes: a release that a rollback left is marked, the live one is not."""
        state = self.states[server]
        if server in self._staying:
            return []
        fates = []
        left = state.releases.get(state.current)
        target = state.releases.get(self.tag_on(server))
        if self.plan.kind == ROLLBACK and left and left.record and target and _newer(state, left, target):
            fates.append(mark(left.record, left=True))
        own = self.record_of(server) if server in self.made else target.record if target else None
        if own:
            good = mark(own, left=False, failed="")
            approved = self.approved if server in self.made else own.approved
            use = self.slots.of(server) if self.slots else own
            out = " ".join(sorted(self.left_out))
            live = replace(good, left_out=out, approved=approved, slot=use.slot, port=use.port)
            if live != (good if server in self.made else own):
                fates.append(live)
        return fates

    def fates_undone(self, server: str) -> list[Record]:
        """The records as they were before a finish that may have happened."""
        releases = self.states[server].releases
        before = [releases[record.tag].record for record in self.fates(server) if record.tag in releases]
        return [record for record in before if record] if server in self.concluding else []
