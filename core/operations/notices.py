"""Pins, blocks and freezes: a notice for all others, left on every server at once or taken away again."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from msgspec.structs import replace

from core.errors import UsageError
from core.jobs import Ahead, Controls
from core.names import quoted
from core.operations.operation import Operation, Request
from core.operations.planning import Prepared
from core.operations.run import Run
from core.plan import NONE, Plan, Refusal, Step
from core.protocol.requests import Settles
from core.records import ServerState, live_tag
from core.remote.held import Held
from core.source.tree import Tree
from core.text import count


class NoticeRequest(Request, frozen=True):
    """Leave a notice on every server, or take it away.

    kinds          what the operation is called that leaves it, and the one that takes it away
    needs_reason   whether it is left only with a reason: it keeps others from what they would do
    """

    kinds: ClassVar[tuple[str, str]]
    needs_reason: ClassVar[bool] = False

    @property
    @abstractmethod
    def leaves(self) -> bool:
        """Whether the notice is left; else it is taken away."""

    @property
    def kind(self) -> str:
        return self.kinds[0 if self.leaves else 1]


class ReleaseNoticeRequest(NoticeRequest, frozen=True):
    """Leave a notice about the release `tag`, or take it away."""

    tag: str


N = TypeVar("N", bound=NoticeRequest)
T = TypeVar("T", bound=ReleaseNoticeRequest)


class Noticing(Operation[N]):
    """All servers are changed at once, and one that fails keeps no other from it.

    past  what was done where it was left, and where it was taken away: `pinned`, `unpinned`
    are   of its subject where the notice is there: `pinned`
    """

    past: ClassVar[tuple[str, str]]
    are: ClassVar[str]

    @staticmethod
    def kind(request: N) -> str:
        return request.kind

    @property
    def verb(self) -> str:
        return self.request.kind.capitalize()

    @property
    def subject(self) -> str:
        """What it is about: the environment, unless it is about a release."""
        return self.fleet.environment.name

    @property
    def did(self) -> str:
        """What was done, for the summary."""
        return self.past[0 if self.request.leaves else 1]

    def check(self) -> None:
        super().check()
        request = self.request
        if request.leaves and request.needs_reason and not request.reason.strip():
            raise UsageError(f"to {request.kind}, give the reason", hint="-m 'why': everybody whom it stops reads it")

    @abstractmethod
    def is_so(self, state: ServerState) -> bool:
        """Whether the server is as it is asked for already."""

    @abstractmethod
    def leave(self, held: Held, facts: Mapping[str, Any]) -> None:
        """Leave it on one server; facts: who, why, when."""

    @abstractmethod
    def take_away(self, held: Held, state: ServerState) -> None:
        """Take it away from one server."""

    def plan(self, states: Sequence[ServerState], tree: Ahead[Tree] | None) -> Prepared:
        tag = "".join(self.named)
        refusal = unknown(states, tag) if tag else ""
        return Prepared(plan_notice(self.fleet.environment.name, states, self.request.kind, self.is_so, tag, refusal))

    def carry_out(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
        facts = {"by": run.who, "why": run.reason, "at": time.time()}

        def work(held: Held) -> None:
            if self.request.leaves:
                self.leave(held, facts)
            else:
                self.take_away(held, states[held.name])

        end = {"tag": prepared.plan.tag} if prepared.plan.tag else {}
        changed = change(run, prepared.plan, work, lambda name: end)
        return f"{self.did} on {count(changed, 'server')}"

    def nothing(self, plan: Plan) -> str:
        if self.request.leaves:
            return f"{self.subject} is {self.are} already: nothing to do"
        return f"{self.subject} is not {self.are}: nothing to do"


class ReleaseNotice(Noticing[T]):
    """One about a release; also of one that no server has any more, where a notice about it is left."""

    names_releases = True

    @property
    def subject(self) -> str:
        return str(self.request.tag)

    @property
    def did(self) -> str:
        return f"{super().did} {self.subject}"

    def title(self, tag: str = "") -> str:
        return f"{self.verb} {self.subject} on {self.fleet.environment.name}"

    def renamed(self, whole: Callable[[str], str]) -> T:
        return replace(self.request, tag=whole(self.subject))

    def noticed(self, states: Collection[ServerState]) -> Iterable[str]:
        return [tag for state in states for tag in (*state.pins, *state.blocks)]


def plan_notice(
    environment: str,
    states: Sequence[ServerState],
    action: str,
    is_so: Callable[[ServerState], bool],
    tag: str = "",
    refusal: str = "",
) -> Plan:
    """The plan (pure) that does `action` on every server where it is not so yet."""
    return Plan(
        environment=environment,
        tag=tag,
        live=live_tag(states),
        steps=tuple(
            Step(server=state.server, action=NONE if is_so(state) else action, current=state.current)
            for state in states
        ),
        refusals=(Refusal(refusal),) if refusal else (),
        fingerprints={state.server: state.fingerprint for state in states},
    )


def unknown(states: Sequence[ServerState], tag: str) -> str:
    """What to say where no server knows a release of that name or keeps a notice about one; else ""."""
    tags = {name for state in states for name in (*state.releases, *state.pins, *state.blocks)}
    return "" if tag in tags else f"there is no release {quoted(tag)}"


def change(
    run: Run,
    plan: Plan,
    work: Callable[[Held], None],
    facts: Callable[[str], Mapping[str, Any]],
) -> int:
    """Do `work` on every server of the plan that has to change, and give the locks back; how many have changed.

    facts   what the journal's end of a server tells
    If this dies in the middle, some servers have the notice and others not: the same request again brings it about.
    One that fails keeps no other from it; FleetError names those that failed.
    """

    def on(name: str) -> bool:
        changes = plan.step(name).action != NONE
        with run.phase("finish", name):
            if changes:
                work(run.held(name))
            run.conclude(name, Settles.NONE, run.journal("end", outcome="done", **facts(name)))
        return changes

    with run.or_give_back("failed"):
        return sum(run.on_all(on).unwrap("finish").values())
