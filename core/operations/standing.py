"""Where each server is on its way from one release to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.operations.planning import Prepared
from core.plan import DEPLOY, PROMOTE, ROLLBACK
from core.protocol.requests import live_at
from core.records import Record, Release, ServerState, mark
from core.slots import Slots


def was_live_before(state: ServerState) -> dict[str, object]:
    """The facts of a journal's end about what was live before the release that is live already."""
    before = next(iter(state.stays), None)
    return {"previous": before.tag, "until": before.until} if before and before.until else {}


def _newer(state: ServerState, one: Release, other: Release) -> bool:
    places = [release.tag for release in state.ordered]
    return places.index(one.tag) < places.index(other.tag)


class Standing:
    """The plan, the servers' states under their locks, and what became of each server since.

    states      by server, as they were when the operation began
    made        servers on which this operation published the release
    switched    servers whose switch was asked for; whether it happened is certain only where it was answered
    concluding  those that were asked to finish in the same round trip
    slots       which slot the releases have on each server
    carries     what is carried out: the operation's kind, or that of the interrupted one which it finishes or undoes
    approved    who said go where it was held; "" for nobody
    """

    def __init__(
        self, prepared: Prepared, states: Mapping[str, ServerState], slots: Mapping[str, int] | None = None
    ) -> None:
        self.plan = prepared.plan
        self.states = states
        self.tag = prepared.plan.tag
        self.slots = Slots(slots or {}, states, self.tag)
        self.made: set[str] = set()
        self.switched: set[str] = set()
        self.concluding: set[str] = set()
        found = prepared.interruption if prepared.plan.kind not in (DEPLOY, PROMOTE, ROLLBACK) else None
        self.carries = found.kind if found else prepared.plan.kind
        self.approved = ""
        self._switched_before = {name: before.tag for name, before in found.switched.items()} if found else {}
        self._interrupted = prepared.interruption.records if prepared.interruption else {}

    def record_of(self, server: str) -> Record | None:
        """The release's record for a server, with the slot that it has there: of a deploy the plan's; else the
        server's own, because no server decides what is true of another.
        """
        record = self._record_of(server)
        return replace(record, slot=self.slots.of(server)) if record and self.slots else record

    def _record_of(self, server: str) -> Record | None:
        record = self.plan.record
        if self.plan.kind == DEPLOY or record is None:
            return record
        release = self.states[server].releases.get(self.tag)
        for own in (release.record if release else None, self._interrupted.get(server)):
            if own and own.digest == record.digest:
                return own
        return record

    def left(self, server: str) -> str:
        """Where `current` has to point in the end, as Held.finish takes it: at the release, or on a server that
        takes no part where it pointed before.
        """
        state = self.states[server]
        return live_at(state.link_to(self.tag) if server in self.plan.moving else state.current_target)

    @property
    def retired(self) -> dict[str, str]:
        """By server, the release that is left for good once all ends well, where there was one: also where an
        interrupted operation switched away from it.
        """
        left = {name: self.states[name].current for name in self.plan.moving}
        return {name: tag for name, tag in {**self._switched_before, **left}.items() if tag}

    def was_live(self, server: str) -> dict[str, object]:
        """What the journal's end says was live before, so that undo knows however long ago the last switch is: on a
        server that did not switch, what its journals told of before.
        """
        state = self.states[server]
        if server in self.plan.moving:
            return {"previous": state.current}
        return was_live_before(state)

    def fates(self, server: str) -> list[Record]:
        """The records that a finished switch changes: a release that a rollback left is marked, the live one is not."""
        state = self.states[server]
        fates = []
        left = state.releases.get(state.current)
        target = state.releases.get(self.tag)
        if self.plan.kind == ROLLBACK and left and left.record and target and _newer(state, left, target):
            fates.append(mark(left.record, left=True))
        record = self.record_of(server)
        if self.approved and record and server in self.made:
            fates.append(replace(record, approved=self.approved))
        if target and target.record and (target.record.left or target.record.failed) and server not in self.made:
            slot = self.slots.of(server) if self.slots else target.record.slot
            fates.append(mark(replace(target.record, slot=slot), left=False, failed=""))
        return fates

    def fates_undone(self, server: str) -> list[Record]:
        """The records as they were before a finish that may have happened."""
        releases = self.states[server].releases
        before = [releases[record.tag].record for record in self.fates(server) if record.tag in releases]
        return [record for record in before if record] if server in self.concluding else []
