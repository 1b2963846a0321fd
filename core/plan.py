"""What an operation will do on each server, and its price (pure): shown first, then executed as shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from core.changes import PlanChanges
from core.records import Previous, Record
from core.strategy import Batch, Strategy
from core.text import count, size

DEPLOY, PROMOTE, ROLLBACK, RECOVER = "deploy", "promote", "rollback", "recover"
"""Kinds of the operations that change what is live: the servers' journals are read by them."""

NONE, SWITCH, STAGE, UPLOAD, REMOVE = "none", "switch", "stage", "upload", "remove"
"""Actions of a step: nothing to do; switch only; copy the cache, then switch; upload, copy, switch; remove files.
Any other action is the word that is shown for it."""


WHOLE, CHANGES = "whole", "changes"
"""What of a tree a server fetches from the store: all of it; what differs from its deploy-cache."""

NOT_A_LINK, NO_SPACE, NOT_POSSIBLE, FROZEN = "not-a-link", "no-space", "not-possible", "frozen"
"""Kinds of refusals: a person has to replace `current` by a link; the disk is too full; it cannot be done as asked."""


class Refusal(Struct, frozen=True):
    """Why a plan cannot be executed. `kind` decides which error it becomes, `text` says what to do."""

    text: str
    kind: str = NOT_POSSIBLE

    def __str__(self) -> str:
        return self.text


class Sizes(Struct, frozen=True):
    """What removals free on a server.

    by_tag   bytes by tag, the deploy-cache under ""; what is unknown is left out
    exact    false where they are upper bounds: what stays may share blocks with what is removed (reflinks, hard links)
    """

    by_tag: Mapping[str, int] = field(default_factory=dict)
    exact: bool = True


class Step(Struct, frozen=True, kw_only=True):
    """What one server is asked to do. Bytes are bytes of file content.

    tag          the release that this server goes to, where that is not the plan's; "" for the plan's
    stays        it takes no part: `tag` is what is live there now, "" for nothing
    because      why it stays, where that is not for the reason that the last switch was not on it
    current      tag live there now, "" for none
    back         where undoing the switch points `current`: a link's text, "" where there was no `current`
    send_bytes, send_files   what travels
    exact        false: the bytes to send (the cache is compared first) or those that a prune frees are upper bounds
    patched      a changed file may travel as a patch, so that fewer bytes are sent
    remove_entries   entries that are removed from the deploy-cache
    copy_bytes   what is copied on the server from the cache into the release
    prune        tags whose files are removed after the switch, or in a prune
    frees        bytes that a prune frees, with those of the deploy-cache; None where unknown
    sizes        of a prune: what each tag frees, the deploy-cache under ""; what is not known is left out
    stored       it fetches what travels from the store: WHOLE, CHANGES; "" where it is sent from here
    clear_cache  the deploy-cache is emptied
    refusal      why this server cannot do it; None where it can
    """

    server: str
    action: str
    tag: str = ""
    stays: bool = False
    because: str = ""
    current: str = ""
    back: str | None = None
    send_bytes: int = 0
    send_files: int = 0
    remove_entries: int = 0
    exact: bool = True
    patched: bool = False
    copy_bytes: int = 0
    prune: tuple[str, ...] = ()
    frees: int | None = 0
    sizes: Mapping[str, int] = field(default_factory=dict)
    clear_cache: bool = False
    stored: str = ""
    refusal: Refusal | None = None

    @property
    def is_exact(self) -> bool:
        """Whether its bytes are not upper bounds, for whatever reason."""
        return self.exact and not self.patched

    def price(self) -> str:
        """The step in a few words: `switch only`, `send 41 MB in 50 files, copy 58 MB, switch`."""
        if self.refusal:
            return self.refusal.text
        if self.stays:
            return f"stays as it is: {self.because or 'it took no part in the last switch'}"
        parts = []
        if self.action == UPLOAD and self.send_files:
            least = "" if self.is_exact else "at most "
            verb, whence = ("fetch", " from the store") if self.stored else ("send", "")
            parts.append(f"{verb} {least}{size(self.send_bytes)} in {count(self.send_files, 'file')}{whence}")
        elif self.action == UPLOAD and self.remove_entries:
            parts.append(f"remove {count(self.remove_entries, 'entry')} from the deploy-cache")
        if self.action in (UPLOAD, STAGE):
            parts += [f"copy {size(self.copy_bytes)}"] if self.copy_bytes else []
            parts.append("switch")
        if self.action not in (NONE, SWITCH, STAGE, UPLOAD, REMOVE):
            parts.append(self.action)
        if self.action == SWITCH and self.back is None:
            parts.append("switch only")
        elif self.action == SWITCH:
            parts.append(f"switch back to {self.back}" if self.back else "remove current: there was none before")
        if self.prune:
            frees = freeing("frees", self.frees, self.exact) if self.action == REMOVE else ""
            parts.append(f"prune {count(len(self.prune), 'release')}{frees}")
        if self.clear_cache:
            frees = "" if self.prune else freeing("frees", self.frees, self.exact)
            parts.append(f"clear the deploy-cache{frees}")
        return ", ".join(parts) or "nothing to do"


class Plan(Struct, frozen=True, kw_only=True):
    """An operation before it happens. `refusals` (or a step's refusal) mean that it cannot be executed.

    kind, title, question, verb, phases, changes_live, ends_interrupted, goes_back   what its operation says of itself
                 (core.operations.operation.Operation): `deploy`, `Deploy r2 to production`, `Deploy to production?` …
    record       of the release that becomes live (deploy, rollback); None for prune
    live         the environment's live tag before
    records      by tag: of the other releases that servers go to (Step.tag), where they have one
    undoes       what it goes back to was chosen by the journals: when it was live, and what is taken back; else None
    build        which finished build is used again; "" where none is
    reason       why, in the words of who asked for it
    origin       of a promotion: where the release comes from, in words; else ""
    store        what is put into the store first, and who fetches from it, in words; "" where nobody does
    hooks, checks   what will run, one line each, for people
    runs_here    a command runs on the operator's machine, not on servers
    fingerprints    by server: the state that the plan rests on
    hold         seconds that it waits at the barrier for somebody to say go; 0.0: it does not wait
    approve      OTHER: that has to be somebody else than who starts it; "" for anybody
    account      whom Turnout works as on the servers, through sudo; "" where that is everywhere the login user
    strategy     how the servers are switched
    left_out     by server that takes no part: why. It has no step
    way_out      where some servers refuse it: the command for the others alone; "" where there is none
    changes      commits, files and migrations beside the live release; None where none was live, where it does not
                 switch to another one, or where the plan is not shown (core.operations.differences)
    """

    environment: str
    kind: str = ""
    title: str = ""
    question: str = ""
    verb: str = ""
    phases: tuple[str, ...] = ()
    changes_live: bool = False
    ends_interrupted: bool = False
    goes_back: bool = False
    tag: str = ""
    live: str = ""
    record: Record | None = None
    records: Mapping[str, Record] = field(default_factory=dict)
    undoes: Previous | None = None
    steps: tuple[Step, ...] = ()
    build: str = ""
    reason: str = ""
    origin: str = ""
    store: str = ""
    hooks: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    runs_here: bool = False
    warnings: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    fingerprints: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    hold: float = 0.0
    approve: str = ""
    account: str = ""
    strategy: Strategy = field(default_factory=Strategy)
    left_out: Mapping[str, str] = field(default_factory=dict)
    changes: PlanChanges | None = None
    way_out: str = ""

    @property
    def crosses_migrations(self) -> bool:
        """Whether it goes back across migrations, which it does not take back.

        A person types the release's tag for that; with `--yes`, RollbackRequest.across_migrations is that consent.
        """
        return self.goes_back and self.changes is not None and bool(self.changes.lost_migrations)

    @property
    def executable(self) -> bool:
        return not self.refusals and not any(step.refusal for step in self.steps)

    @property
    def nothing_to_do(self) -> bool:
        idle = all(step.action == NONE and not step.prune and not step.clear_cache for step in self.steps)
        return idle and not self.runs_here

    @property
    def needless(self) -> bool:
        """Whether it need not be carried out: no server has anything to do, and nothing that was interrupted ends."""
        return self.nothing_to_do and not self.ends_interrupted

    @property
    def all_refusals(self) -> tuple[str, ...]:
        """Every reason against it, with the server's name where there is one."""
        of_steps = (f"{step.server}: {step.refusal}" for step in self.steps if step.refusal)
        return (*(refusal.text for refusal in self.refusals), *of_steps)

    @property
    def send_bytes(self) -> int:
        return sum(step.send_bytes for step in self.steps)

    @property
    def frees(self) -> int | None:
        """Bytes on all servers; None where those of one are unknown."""
        known = [step.frees for step in self.steps if step.frees is not None]
        return sum(known) if len(known) == len(self.steps) else None

    @property
    def exact(self) -> bool:
        return all(step.is_exact for step in self.steps)

    @property
    def moving(self) -> tuple[str, ...]:
        """The servers that switch to the release."""
        return tuple(step.server for step in self.steps if step.action != NONE)

    @property
    def reaching(self) -> tuple[str, ...]:
        """The servers that are on the release in the end; one that is on it already is only checked."""
        return tuple(
            step.server
            for step in self.steps
            if step.action != NONE or (not step.stays and step.current == (step.tag or self.tag))
        )

    @property
    def staying(self) -> frozenset[str]:
        """The servers that take no part in it."""
        return frozenset(step.server for step in self.steps if step.stays)

    @property
    def tags(self) -> dict[str, str]:
        """By server that goes to another release than most: that release; also one that stays as it is."""
        return {step.server: step.tag for step in self.steps if step.stays or step.tag not in ("", self.tag)}

    def tag_on(self, server: str) -> str:
        """The release that is live on a server in the end, "" for none."""
        return self.tags.get(server, self.tag)

    def record_of(self, tag: str) -> Record | None:
        """The record of a release that servers go to, where it has one."""
        return self.record if tag == self.tag else self.records.get(tag)

    @property
    def by_tag(self) -> dict[str, list[str]]:
        """The servers that are on a release in the end, by that release, the plan's first."""
        found: dict[str, list[str]] = {self.tag: []}
        tags = self.tags
        for server in self.reaching:
            found.setdefault(tags.get(server, self.tag), []).append(server)
        return {tag: servers for tag, servers in found.items() if servers}

    @property
    def batches(self) -> tuple[Batch, ...]:
        """The servers of `reaching` in the batches in which they are switched and checked, in order."""
        moving, order = self.moving, {name: place for place, name in enumerate(self.reaching)}
        found = self.strategy.batches(moving, tuple(name for name in order if name not in moving))
        return tuple(tuple(sorted(batch, key=order.__getitem__)) for batch in found)

    def step(self, server: str) -> Step:
        """The step of one server. KeyError where the plan does not know it."""
        for step in self.steps:
            if step.server == server:
                return step
        raise KeyError(server)


def freeing(verb: str, freed: int | None, exact: bool) -> str:
    """`, frees 58 MB`, `, freed at most 58 MB`; "" where it is not known, or nothing."""
    if not freed:
        return ""
    return f", {verb} {'' if exact else 'at most '}{size(freed)}"


def alike(steps: Sequence[Step], many: int) -> list[list[Step]]:
    """Steps in groups that a screen shows as one: each alone, from `many` on those with one price, one live tag
    and one new one.
    """
    if len(steps) < many:
        return [[step] for step in steps]
    groups: dict[tuple[str, str, str], list[Step]] = {}
    for step in steps:
        groups.setdefault((step.price(), step.current, step.tag), []).append(step)
    return list(groups.values())
