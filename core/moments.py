"""The moments at which hooks run (pure): the one table that the configuration, plans, operations and docs read."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from core import layout

SERVER, FIRST_SERVER, OPERATOR = "server", "first-server", "operator"
"""Places of a hook: every server, the first one, the operator's machine."""


class Moment(Struct, frozen=True, kw_only=True):
    """One moment.

    places     where its commands may run
    folder     where a command on a server starts, below the deploy root; {tag} is the release's tag
    fatal      whether a failing hook ends the operation, which then puts everything back; else it is a warning
    plans      the kinds of operation that run it on their way to a release
    makes      whether it is a part of making the release: where a server has that already, it does not run
    switched   whether it comes after the switch
    undone     whether it also comes with a switch back; its commands start in `current` then, and a failure is a
               warning
    batched    whether it belongs to a batch: it runs only where servers switch one batch after the other
    """

    name: str
    places: tuple[str, ...] = (SERVER, FIRST_SERVER, OPERATOR)
    folder: str = layout.release("{tag}")
    fatal: bool = True
    plans: tuple[str, ...] = ("deploy", "promote", "rollback", "recover")
    makes: bool = False
    switched: bool = False
    undone: bool = False
    batched: bool = False

    @property
    def in_rollbacks(self) -> bool:
        """Whether it may come in a rollback."""
        return "rollback" in self.plans or not self.plans


BUILD = Moment(name="build", places=(OPERATOR,), folder="", plans=("deploy",), makes=True)
PREPARE = Moment(name="prepare", folder=layout.half_made("{tag}"), makes=True)
FINALIZE = Moment(name="finalize", makes=True)
"""In the folder that the release has in the end, before anything switches."""
BEFORE_SWITCH = Moment(name="before-switch")
DRAIN = Moment(name="drain", places=(SERVER, OPERATOR), undone=True, batched=True)
"""Before each switch, also one that goes back: it takes servers out of a load balancer."""
AFTER_SWITCH = Moment(name="after-switch", switched=True, undone=True)
RETURN = Moment(name="return", places=(SERVER, OPERATOR), switched=True, undone=True, batched=True)
"""When a batch has passed its checks, or is back: it undoes `drain`."""
AFTER_ROLLBACK = Moment(name="after-rollback", fatal=False, plans=("rollback",), switched=True, undone=True)
SUCCESS = Moment(name="success", fatal=False, switched=True)
RETIRE = Moment(name="retire", fatal=False, switched=True)
"""In the release that was left; `{tag}` is that one's."""
FAILURE = Moment(name="failure", folder=".", fatal=False, plans=())

_ALL = (
    BUILD,
    PREPARE,
    FINALIZE,
    BEFORE_SWITCH,
    DRAIN,
    AFTER_SWITCH,
    RETURN,
    AFTER_ROLLBACK,
    SUCCESS,
    RETIRE,
    FAILURE,
)
MOMENTS: Mapping[str, Moment] = {moment.name: moment for moment in _ALL}
"""All moments by name, in the order of an operation."""

UNDONE = tuple(moment for moment in MOMENTS.values() if moment.undone)
"""The moments that come with a switch back, in their order."""
SWITCHED = tuple(moment for moment in MOMENTS.values() if moment.switched)
"""The moments that come after a switch, in their order."""


def called(on: str) -> str:
    """What people call the command of an event: `build hook` for a moment's, else its own name."""
    return f"{on} hook" if on in MOMENTS else on


OPERATIONS = ("deploy", "promote", "rollback", "recover")
SWITCH_BACK = "switch back"
"""What undoes the switch of an operation that failed, or of one that was interrupted (`recover --undo`)."""


def when(moment: Moment, operation: str) -> str:
    """Whether a moment comes in one of OPERATIONS or in SWITCH_BACK, as the documentation's table says it."""
    if operation == SWITCH_BACK:
        return "yes" if moment.undone or moment is RETIRE else "at the end" if moment is FAILURE else "–"
    if moment is FAILURE:
        return "if it fails"
    if operation not in moment.plans:
        return "–"
    return "if it makes the release" if moment.makes and operation in ("rollback", "recover") else "yes"


def moments_of(kind: str, *, makes_release: bool = True) -> tuple[Moment, ...]:
    """The moments that an operation of this kind runs; without `makes_release` no release is made."""
    return tuple(moment for moment in MOMENTS.values() if kind in moment.plans and (makes_release or not moment.makes))
