"""The locks of an operation on its way: where one may have been lost, its server is asked before any other switches."""

from __future__ import annotations

from collections.abc import Mapping

from core.operations.run import Run


def keep(run: Run, left: Mapping[str, str], phase: str) -> None:
    """FleetError where a server's lock was lost, or `current` is not as left.

    left   by server, in the words of Held.confirm
    Only those are asked that have carried out nothing for a while: this process may have been stopped meanwhile, or its
    machine asleep, and others may have taken their locks and deployed there.
    """
    stale = [name for name in left if not (run.holds(name) and run.held(name).is_sure)]
    confirm(run, {name: left[name] for name in stale}, phase)


def confirm(run: Run, left: Mapping[str, str], phase: str) -> None:
    """The same, and every one of these servers is asked."""
    run.on_all(lambda name: run.held(name).confirm(left[name]), left).unwrap(phase)
