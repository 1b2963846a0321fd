"""The moments at which hooks run (pure): the one table that the configuration, plans, operations and docs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core import layout

SERVER, FIRST_SERVER, OPERATOR = "server", "first-server", "operator"
"""Places of a hook: every server, the first one, the operator's machine."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One moment.

    places     where its commands may run
    folder     where a command on a server starts, below the deploy root; {tag} is the release's tag
    fatal      whether a failing hook ends the operation, which then puts everything back; else it is a warning
    plans      the kinds of operation that run it on their way to a release
    switched   whether it comes after the switch
    undone     whether it also comes after a switch back; its commands start in `current` then, and a failure is a
               warning
    """

    name: str
    places: tuple[str, ...] = (SERVER, FIRST_SERVER, OPERATOR)
    folder: str = layout.release("{tag}")
    fatal: bool = True
    plans: tuple[str, ...] = ("deploy", "promote", "rollback", "recover")
    switched: bool = False
    undone: bool = False


BUILD = Moment(name="build", places=(OPERATOR,), folder="", plans=("deploy",))
PREPARE = Moment(name="prepare", folder=layout.half_made("{tag}"))
"""Only where the release is made: a rollback may find it complete."""
BEFORE_SWITCH = Moment(name="before-switch")
AFTER_SWITCH = Moment(name="after-switch", switched=True, undone=True)
AFTER_ROLLBACK = Moment(name="after-rollback", fatal=False, plans=("rollback",), switched=True, undone=True)
SUCCESS = Moment(name="success", fatal=False, switched=True)
FAILURE = Moment(name="failure", folder=".", fatal=False, plans=())

MOMENTS: Mapping[str, Moment] = {
    moment.name: moment for moment in (BUILD, PREPARE, BEFORE_SWITCH, AFTER_SWITCH, AFTER_ROLLBACK, SUCCESS, FAILURE)
}
"""All moments by name, in the order of an operation."""

UNDONE = tuple(moment for moment in MOMENTS.values() if moment.undone)
"""The moments that come after a switch back, in their order."""
SWITCHED = tuple(moment for moment in MOMENTS.values() if moment.switched)
"""The moments that come after a switch, in their order."""


def moments_of(kind: str, *, makes_release: bool = True) -> tuple[Moment, ...]:
    """The moments that an operation of this kind runs; without `makes_release` no release is made."""
    return tuple(
        moment for moment in MOMENTS.values() if kind in moment.plans and (makes_release or moment is not PREPARE)
    )
