"""The way back of servers that were switched: batch by batch, the last one first, with the hooks of a switch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from core.jobs import Cancel
from core.moments import AFTER_ROLLBACK, AFTER_SWITCH, DRAIN, RETURN
from core.operations.ending import revive
from core.operations.hook_runs import HookRuns
from core.operations.run import Run
from core.operations.standing import Standing
from core.protocol.requests import ANYWHERE
from core.strategy import Batch, WayBack, ways_back


def going_back(
    run: Run,
    standing: Standing,
    hooks: HookRuns,
    batches: Sequence[Batch],
    restore: Callable[[Sequence[str]], Mapping[str, bool]],
    cancel: Cancel,
) -> None:
    """Switch back what was switched, and bring into service what is drained. Failing hooks are warnings: a release that
    does not work has to go.

    restore   switches servers back: whether it did, or there was nothing to do; without those where it failed
    If this process dies here, each server's journal says whether it is drained.
    """
    back: list[str] = []
    for way in ways_back(batches, standing.switched, standing.drained):
        standing.batch = way.number, max(len(batches), 1), way.back
        _drain(run, standing, hooks, way, cancel)
        restored = restore(way.switch) if way.switch else {}
        switched = [name for name, done in restored.items() if done and standing.targets[name]]
        hooks.going_back(AFTER_SWITCH, switched, cancel)
        back += switched
        # One that could not be switched back stays as it is: nothing says that it works.
        there = [name for name in way.back if name in restored or name not in way.switch]
        _return(run, standing, hooks, [name for name in there if standing.targets[name]], cancel)
    hooks.going_back(AFTER_ROLLBACK, back, cancel)


def _drain(run: Run, standing: Standing, hooks: HookRuns, way: WayBack, cancel: Cancel) -> None:
    """Drain hooks once more, in the release that is left."""
    if not way.drain or not hooks.any_at((DRAIN,)):
        return

    def note(name: str) -> None:
        _connected(run, name, cancel)
        held = run.held(name)
        held.note(run.journal("drain"))
        standing.drained.add(name)
        held.confirm(ANYWHERE)

    ready = list(run.on_all(note, way.drain).results)
    hooks.going_back(DRAIN, ready, cancel)


def _return(run: Run, standing: Standing, hooks: HookRuns, names: Sequence[str], cancel: Cancel) -> None:
    """Return hooks of servers that are back, or were only drained. One that cannot be reached stays drained, and its
    journal says so.
    """
    if not names or not hooks.any_at((RETURN,)):
        return
    there = list(run.on_all(lambda name: _connected(run, name, cancel), names).results)
    hooks.going_back(RETURN, there, cancel)

    def note(name: str) -> None:
        run.held(name).note(run.journal("return"))
        standing.drained.discard(name)

    run.on_all(note, there)


def _connected(run: Run, name: str, cancel: Cancel) -> None:
    """Connect and lock a server again, where its connection or its agent was lost. Raises ConnectError, LockedError."""
    if not run.session(name).usable or not run.holds(name):
        run.let_go(name)
        revive(run, name, cancel)
