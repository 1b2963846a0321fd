"""What an operation is: what it refuses and needs, how it is planned and carried out, and what screens call it.

A new operation is a file in `core/operations/kinds` with its request and its class, its request's name in
`core/__init__.py`, the words of its command in `tui/cli/change_arguments.py`, and, where it runs hooks on the way to a
release, its kind in `core/moments.py`. Nothing else asks which one it is.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from core.errors import TurnoutError, UsageError, about_the_server
from core.events import Emit
from core.fleet import Fleet
from core.jobs import Ahead, Cancel, Controls
from core.masking import Masking
from core.moments import MOMENTS
from core.operations.planning import Prepared
from core.operations.run import Run
from core.ownership import accounts
from core.plan import FROZEN, Plan, Refusal
from core.planner.freeze import frozen
from core.planner.naming import is_word_for_release, release_named
from core.questions import HOLD_RULE, LONGEST_HOLD, OTHER, REQUIRED, SHORTEST_HOLD
from core.records import LONGEST_REASON, TAG_RULE, ServerState, is_tag
from core.source.coming import Coming
from core.source.tree import Tree
from core.strategy import Strategy
from core.text import clean


class Request(Struct, frozen=True, kw_only=True):
    """What an operator asks for. Each operation has its own.

    reason           why, in a person's words: records, journals and the history carry it
    despite_freeze   carry it out although changes are frozen; wants a reason
    hold             seconds to wait at the barrier for somebody to say go; None: as the configuration says
    """

    reason: str = ""
    despite_freeze: bool = False
    hold: float | None = None


class SwitchRequest(Request, frozen=True, kw_only=True):
    """A request that switches servers. at_once: all of them, whatever strategy their environment has."""

    at_once: bool = False


R = TypeVar("R", bound=Request)


class Operation(ABC, Generic[R]):
    """One request on its way: its plan, and how it is carried out. A subclass names the request that it is for.

    emit, cancel   what is said while the plan is made, and what stops that
    planned        a plan that a person has seen: what it chose is kept
    """

    phases: ClassVar[tuple[str, ...]] = ("connect", "begin", "finish")
    """The phases that it goes through if nothing fails, in the order of core.events.PHASES."""
    needs_tree: ClassVar[bool] = False
    """Whether it always sends a tree: it is made, and channels for uploads are opened, while the servers connect."""
    changes_live: ClassVar[bool] = False
    """Whether it is about what is live: its plan says which release is live now and which one will be."""
    ends_interrupted: ClassVar[bool] = False
    """Whether it ends an interrupted operation: then it is carried out also where no server has anything to do."""
    goes_back: ClassVar[bool] = False
    """Whether it makes an earlier release live again: migrations that the live release brought are not taken back."""

    lets_servers_go: ClassVar[bool] = False
    """Whether it can go on without some servers, as many as `allow-failed` says."""

    stops_at_freeze: ClassVar[bool] = False
    """Whether it is refused while changes are frozen: it changes what is live, or removes files."""

    names_releases: ClassVar[bool] = False
    """Whether the tags of its request are of releases that there must be, so that a short form does, too."""

    can_hold: ClassVar[bool] = False
    """Whether it has a barrier at which it can wait for a person."""

    def __init_subclass__(cls, *, request: type[Request] | None = None, **more: Any) -> None:
        super().__init_subclass__(**more)
        if request is not None:
            _BY_REQUEST[request] = cls

    def __init__(self, fleet: Fleet, request: R, emit: Emit, cancel: Cancel, planned: Plan | None = None) -> None:
        self.fleet = fleet
        self.request = request
        self.emit = emit
        self.cancel = cancel
        self.planned = planned
        self.coming: Coming | None = None
        """What comes of its tree while that is made, where it can be told."""
        self.unreached: dict[str, TurnoutError] = {}
        """What happened on the servers that are left out because it cannot begin there."""

    @staticmethod
    @abstractmethod
    def kind(request: R) -> str:
        """What events, locks and journals call it: `deploy`, `clear-cache`."""

    @property
    @abstractmethod
    def verb(self) -> str:
        """What a button says that runs it: `Deploy`, `Roll back`."""

    @abstractmethod
    def title(self, tag: str = "") -> str:
        """`Deploy r2 to production`, or without a tag `Deploy to production`, which can be asked as a question."""

    @property
    def tag(self) -> str:
        """The release that it is about, as far as its request or the earlier plan says."""
        return self.planned.tag if self.planned else getattr(self.request, "tag", None) or ""

    @property
    def named(self) -> tuple[str, ...]:
        """The releases that its request names."""
        tag = getattr(self.request, "tag", None)
        return () if tag is None else (tag,)

    def renamed(self, whole: Callable[[str], str]) -> R:
        """The request with the whole tag for every word of it that names a release that there must be."""
        return self.request

    def name_releases(self, states: Collection[ServerState], *, all_listed: bool) -> None:
        """Go on with whole tags: a person may name releases as the screens do (core.names).

        UsageError for a word that means no release, or several. all_listed: whether there are no more than the states
        tell of; else a tag is taken as it is.
        """

        def whole(word: str) -> str:
            try:
                return release_named(word, states, self.fleet.environment.name, self.noticed(states))
            except UsageError as error:
                if not all_listed and is_tag(word):
                    return word
                raise self.explained(word, error, states) from None

        self.request = self.renamed(whole)

    def noticed(self, states: Collection[ServerState]) -> Iterable[str]:
        """What it may name beside releases that are there."""
        return ()

    def explained(self, word: str, error: UsageError, states: Collection[ServerState]) -> UsageError:
        """The error for a word that means no release, with what else is known of that word."""
        return error

    @property
    def strategy(self) -> Strategy:
        """How the servers are switched."""
        strategy = self.fleet.environment.way
        return strategy.at_once() if getattr(self.request, "at_once", False) else strategy

    @property
    def phases_here(self) -> tuple[str, ...]:
        """The phases that it goes through: those of batches only where there are hooks for them."""
        rolling = self.strategy.rolling
        hooked = {hook.on for hook in self.fleet.project.hooks if rolling and MOMENTS[hook.on].batched}
        return tuple(phase for phase in self.phases if phase not in MOMENTS or phase in hooked)

    def may_lack(self, failed: Mapping[str, TurnoutError]) -> bool:
        """Whether it may begin without these servers, beside those of the plan that a person has seen."""
        out = {*failed, *(self.planned.left_out if self.planned else ())}
        allowed = self.strategy.may_lack(len(self.fleet.names))
        return self.lets_servers_go and len(out) <= allowed and all(map(about_the_server, failed.values()))

    def check(self) -> None:
        """UsageError for a request that is wrong whatever the state of the servers is."""
        if self.request.despite_freeze and not self.request.reason.strip():
            raise UsageError("to go on despite a freeze, give the reason", hint="-m 'why': the history keeps it")
        self._check_hold()
        if self.fleet.environment.reason == REQUIRED and not self.request.reason.strip():
            raise UsageError(
                f'{self.fleet.environment.name} has reason = "required": say why',
                hint="-m 'why': records, journals and the history keep it",
            )
        for tag in self.named:
            if not (is_word_for_release(tag) if self.names_releases else is_tag(tag)):
                raise UsageError(f"{tag!r} cannot be a release's tag", hint=TAG_RULE)

    def _check_hold(self) -> None:
        if self.request.hold is None:
            return
        if not self.can_hold:
            raise UsageError("it switches no server, so there is nothing to hold", hint="leave --hold out")
        if not SHORTEST_HOLD <= self.request.hold <= LONGEST_HOLD:
            raise UsageError(f"a hold of {self.request.hold:g} s is not possible", hint=f"--hold 30m: {HOLD_RULE}")

    @property
    def hold(self) -> float:
        """Seconds that it waits at the barrier for somebody to say go; 0.0: it does not wait.

        A rollback goes back to what was approved before: only its request can make it wait.
        """
        always = 0.0 if self.goes_back or not self.can_hold else float(self.fleet.environment.hold)
        return always if self.request.hold is None else self.request.hold

    @property
    def looks_at_caches(self) -> bool:
        """Whether what the deploy-caches hold is looked at with the locks, or only once it is known that it matters."""
        return True

    def sends(self, states: Sequence[ServerState]) -> bool:
        """Whether a server gets files."""
        return True

    def start_tree(self, cancel: Cancel) -> Ahead[Tree] | None:
        """Begin to make the tree, where it needs one. UsageError for a revision that does not exist."""
        return None

    def not_deployed(self) -> Sequence[str]:
        """Warnings of what a person may expect in the tree, but is not in it."""
        return ()

    def records(self, states: Mapping[str, ServerState]) -> tuple[str, ...]:
        """The releases whose records its plan needs, also where a server lists them in brief."""
        return (self.planned.tag,) if self.planned and self.planned.tag else self.named

    @abstractmethod
    def plan(self, states: Sequence[ServerState], tree: Ahead[Tree] | None) -> Prepared:
        """The plan for these states, in the order of the configuration. Raises TurnoutError."""

    @abstractmethod
    def carry_out(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
        """Do what the plan says, under the locks, and give them back; the summary in one sentence."""

    def nothing(self, plan: Plan) -> str:
        """The summary if every server is already as requested."""
        return "every server is already as requested: nothing to do"

    def prepare(self, states: Mapping[str, ServerState], tree: Ahead[Tree] | None) -> Prepared:
        """The plan for these states, with the words that screens use for it."""
        prepared = self.plan([states[name] for name in self.fleet.names if name in states], tree)
        if (prepared.tree or prepared.trees) and self.fleet.project.store:
            from core.operations.stored import with_store  # few projects have a store

            prepared = with_store(self.fleet.project, prepared, states, self.cancel)
        return replace(prepared, plan=self._frozen(self._without(self.worded(prepared.plan)), states))

    def _without(self, plan: Plan) -> Plan:
        """The plan with the servers that are left out: it cannot begin there, a person has seen that, or they would
        have to be refused and the others may go on without them.
        """
        out = {name: error.title for name, error in self.unreached.items()}
        out = {**(self.planned.left_out if self.planned else {}), **plan.left_out, **out}
        refused = {step.server: step.refusal.text for step in plan.steps if step.refusal}
        allowed = self.strategy.may_lack(len(self.fleet.names)) if self.lets_servers_go else 0
        if refused and not plan.refusals and len({*out, *refused}) <= allowed:
            out |= refused
        steps = tuple(step for step in plan.steps if step.server not in out)
        way_out = plan.way_out if any(step.refusal for step in steps) else ""
        return replace(plan, left_out=out, steps=steps, way_out=way_out)

    def _frozen(self, plan: Plan, states: Mapping[str, ServerState]) -> Plan:
        """The plan, refused or with a warning where changes are frozen."""
        environment = self.fleet.environment
        why = frozen(states.values(), environment.freezes, time.time()) if self.stops_at_freeze else ""
        if not why:
            return plan
        said = f"{environment.name} is frozen {why}"
        if self.request.despite_freeze:
            return replace(plan, warnings=(f"{said}; going on all the same", *plan.warnings))
        # Nobody thaws what the calendar says.
        lifts = "`turnout thaw` lifts it, " if any(state.freeze for state in states.values()) else ""
        refusal = Refusal(f"{said}: {lifts}`--despite-freeze -m why` goes on all the same", FROZEN)
        return replace(plan, refusals=(refusal, *plan.refusals))

    def worded(self, plan: Plan) -> Plan:
        """A plan of this operation with what screens call it, and what its kind says of every plan."""
        environment = self.fleet.environment
        return replace(
            plan,
            kind=self.kind(self.request),
            title=self.title(plan.tag),
            question=f"{self.title()}?",
            verb=self.verb,
            phases=self.phases_here,
            changes_live=self.changes_live,
            reason=reason_of(self.fleet.project.mask, self.request),
            ends_interrupted=self.ends_interrupted,
            goes_back=self.goes_back,
            hold=self.hold,
            account=accounts({server.name: environment.ownership_of(server) for server in self.fleet.servers}),
            approve=OTHER if self.hold and environment.approve == OTHER else "",
        )


def reason_of(mask: Masking, request: Request) -> str:
    """The reason that a request gives, as it is written: one line, without secrets."""
    return mask.line(clean(request.reason), LONGEST_REASON).replace("\n", " ").strip()


_BY_REQUEST: dict[type[Request], type[Operation[Any]]] = {}


def operation_of(request: Request) -> type[Operation[Any]]:
    """The class of the operation that a request asks for. It is there as soon as the request's own module is loaded."""
    return _BY_REQUEST[type(request)]
