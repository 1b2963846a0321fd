"""Blue and green on the servers: a release has its slot written down before it is started, and until it is stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from core.errors import PortInUse, ServerError
from core.jobs import Cancel, Controls
from core.moments import BEFORE_SWITCH
from core.operations.check_runs import CheckRuns
from core.operations.hook_runs import Guard, HookRuns
from core.operations.run import Run
from core.operations.standing import Standing
from core.records import SlotUse

STOPS_WITHIN = 10.0
"""Seconds that a release which was told to stop may go on listening at its port."""
LOOK_EVERY = 0.5
"""Seconds between two looks at that port."""


class SlotTaking:
    """Gives the slots of an environment to the releases of an operation, server by server, and back."""

    def __init__(self, run: Run, standing: Standing, hooks: HookRuns) -> None:
        self._run = run
        self._standing = standing
        self._hooks = hooks

    def take(self, cancel: Cancel, guard: Guard) -> None:
        """Give each server's coming release its slot, right before it is started there.

        If this process dies here nothing has switched; each server knows what may be running in the slot, and the next
        operation that needs it stops that first.
        """
        slots = self._standing.slots
        if not slots or slots.keeps:
            return

        def take(name: str) -> None:
            choice = slots.choice(name)
            if choice.use is None:
                raise ServerError(choice.problem, server=name)
            if choice.turn and not self._hooks.turn_to_live(name, cancel):
                raise ServerError(
                    f"{choice.stale[0].tag} may still serve: what turns requests away from it has failed again",
                    hint="it was not stopped, and nothing was started: see the warnings",
                    server=name,
                )
            try:
                self._give(name, choice.use, choice.stale, cancel)
            except PortInUse:
                if not slots.another(name):
                    raise
                take(name)
                self._note_in_record(name, again=True)
                return
            self._note_in_record(name)

        names = self._standing.moving
        self._run.on_all(lambda name: guard(name, lambda: take(name), False), names).unwrap("barrier")

    def leave(self, cancel: Cancel) -> None:
        """Once all went well: stop what else has a slot, or was live before, where the servers switched."""
        standing, slots = self._standing, self._standing.slots
        for name in standing.reaching:
            slots.live(name, standing.tag_on(name))
        if slots.keeps:
            return
        known = slots or slots.any_use
        stopped = standing.stopped if known else {name: (tag,) for name, tag in standing.retired.items()}
        for place in range(max(map(len, stopped.values()), default=0)):
            self._hooks.retire(cancel, {name: tags[place] for name, tags in stopped.items() if len(tags) > place})

    def start_again(self, before: Mapping[str, str], checks: CheckRuns, controls: Controls) -> None:
        """Start releases again that were live before, by server, and try their staged checks: an interrupted operation
        had begun to stop them. Nothing else has changed where this fails.

        If this process dies here, the journals still tell of that operation, and this can be done again.
        """
        slots = self._standing.slots

        def give(name: str) -> None:
            tag = before[name]
            use = slots.of(name, tag)
            if not use.slot:
                self._hooks.stop(name, tag, controls.cancel)
                return
            # It may still run, or half of it: that is stopped, so that the new start finds its port free.
            self._give(name, use, (use,), controls.cancel)

        self._run.on_all(give, before).unwrap("barrier")
        if self._hooks.any_at((BEFORE_SWITCH,)):
            self._hooks.start_again(before, controls.cancel)
        checks.before(before, controls)

    def _give(self, name: str, use: SlotUse, stale: Sequence[SlotUse], cancel: Cancel) -> None:
        """Stop who has a slot and does not serve; then it is the release's. ServerError where others listen."""
        run, slots = self._run, self._standing.slots
        for other in stale:
            if self._hooks.stops(name):
                self._hooks.stop(name, other.tag, cancel)
        # Without a retire hook what was left goes on running until the next release is started in its place.
        free = [use.port] if self._hooks.stops(name) else []
        # What is live without a slot does not stop: it has that port for good.
        current = self._standing.states[name].current
        patient = not current or slots.of(name, current).slot or stale
        for _ in range(int(STOPS_WITHIN / LOOK_EVERY) if patient else 1):
            if not run.held(name).slots(slots.taking(name, use), free):
                slots.taken(name, use)
                return
            cancel.wait(LOOK_EVERY)
            cancel.check()
        had = ", ".join(f"{other.tag} has the slot {other.slot} (port {other.port})" for other in stale)
        raise PortInUse(
            f"port {use.port} of slot {use.slot} is in use: something listens there",
            detail=f"{had}; its retire hook ran, and did not stop it"
            if had
            else "no release that Turnout knows of has that slot",
            hint=f"it was not started: see what it is (ss -ltnp 'sport = :{use.port}'), stop it, and try again",
            server=name,
        )

    def _note_in_record(self, name: str, *, again: bool = False) -> None:
        """Write down the slot that a release gets which is there already: its record may say another one.

        again   also of one that was made by this operation: it got another slot since
        """
        standing = self._standing
        release = standing.states[name].releases.get(standing.tag_on(name))
        record, known = standing.record_of(name), release.record if release else None
        if record and again and name in standing.made:
            self._run.held(name).record(replace(record, failed="", left=False))
        elif known and record and name not in standing.made and (known.slot, known.port) != (record.slot, record.port):
            self._run.held(name).record(replace(known, slot=record.slot, port=record.port))


def withdraw_start(standing: Standing, hooks: HookRuns, servers: Sequence[str], cancel: Cancel, only: str = "") -> None:
    """Run the failure hooks, which stop what was started and is not live; where they did, nobody has its slot. On
    servers where nothing was started none runs: it would get the port of what others run.

    only   the place of the hooks that run; "": all of them
    """
    slots = standing.slots
    begun = [name for name in servers if slots.begun(name) and standing.before(name) != standing.tag_on(name)]
    if only:  # what has stopped since needs none
        begun = [name for name in begun if any(use.tag == standing.tag_on(name) for use in slots.uses(name))]
    for name in hooks.failed(cancel, begun, only):
        use = next((use for use in slots.uses(name) if use.tag == standing.tag_on(name)), None)
        if use is not None and not use.unsure and standing.before(name) != use.tag:
            slots.free(name, use.tag)
