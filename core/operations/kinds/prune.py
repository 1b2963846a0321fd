"""Prune: the files of releases and the deploy-cache are removed; records stay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from core import layout
from core.errors import UsageError
from core.fleet import at_once
from core.jobs import Ahead, Controls
from core.operations.operation import Operation, Request
from core.operations.planning import Prepared
from core.operations.run import Run
from core.plan import Plan, Sizes, freeing
from core.planner.prune import plan_prune
from core.protocol.answers import Removed
from core.protocol.requests import Settles
from core.records import ServerState
from core.source.tree import Tree
from core.text import count


class PruneRequest(Request, frozen=True):
    """Remove the files of `tags`, of all releases beyond the newest `keep`, and the deploy-cache.

    With nothing of the three given, `keep` is the configuration's. `force`: also releases that a process works in,
    and of `tags` those that have a slot.
    `for_ever`: beyond `keep` also releases that nothing can make again; ask a person first. Those in `tags` go anyway.
    """

    tags: tuple[str, ...] = ()
    keep: int | None = None
    cache: bool = False
    force: bool = False
    for_ever: bool = False


class Prune(Operation[PruneRequest], request=PruneRequest):
    """All servers are pruned at once; one that fails does not stop the others."""

    stops_at_freeze = True
    names_releases = True

    @staticmethod
    def kind(request: PruneRequest) -> str:
        return "clear-cache" if request.cache and not request.tags and request.keep is None else "prune"

    @property
    def _cache_only(self) -> bool:
        return self.kind(self.request) == "clear-cache"

    @property
    def verb(self) -> str:
        return "Clear" if self._cache_only else "Prune"

    def title(self, tag: str = "") -> str:
        what = "Clear the deploy-cache" if self._cache_only else "Prune"
        return f"{what} on {self.fleet.environment.name}"

    @property
    def named(self) -> tuple[str, ...]:
        return self.request.tags

    def renamed(self, whole: Callable[[str], str]) -> PruneRequest:
        return replace(self.request, tags=tuple(dict.fromkeys(map(whole, self.request.tags))))

    def check(self) -> None:
        super().check()
        if self.request.keep is not None and self.request.keep < 1:
            raise UsageError("--keep must be at least 1", hint="the live release is always kept")

    def plan(self, states: Sequence[ServerState], tree: Ahead[Tree] | None) -> Prepared:
        """What is removed, and what that frees: servers where something is removed are asked for its size."""
        environment, request = self.fleet.environment.name, self.request
        tags, keep, cache = request.tags, request.keep, request.cache
        if keep is None and not tags and not cache:
            keep = self.fleet.project.deploy.keep
        also = {"for_ever": request.for_ever, "force": request.force}
        draft = plan_prune(environment, states, tags, keep, cache, {}, **also)
        if not draft.executable:
            return Prepared(draft)
        wanted = {step.server: step for step in draft.steps if step.prune or step.clear_cache}

        def ask(name: str) -> Sizes:
            return self.fleet.session(name).sizes(wanted[name].prune, cache=wanted[name].clear_cache)

        sizes = at_once(wanted, ask).unwrap("begin")
        return Prepared(plan_prune(environment, states, tags, keep, cache, sizes, **also))

    def carry_out(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
        return _remove(run, prepared.plan, force=self.request.force)

    def nothing(self, plan: Plan) -> str:
        return "there is nothing to prune"


class PruneResult(Struct, frozen=True):
    """What became of a server's step: tags that were removed, those that are still there, what is left in the trash.

    freed   bytes of what went whole; None where they are not known. exact: false where they are an upper bound
    """

    gone: tuple[str, ...]
    cleared: bool
    kept: tuple[str, ...]
    left: tuple[str, ...]
    freed: int | None
    exact: bool = True


def _remove(run: Run, plan: Plan, *, force: bool) -> str:
    """Remove what the plan names on every server; the summary says what really went. `force`: also releases that a
    running process works in; without it they are kept with a warning. A failing server does not stop the others.

    If a server dies in the middle, what was renamed into trash/ is swept by the next operation there. FleetError
    names the servers that failed.
    """

    def prune(name: str) -> PruneResult:
        step = plan.step(name)
        with run.phase("finish", name):
            held = run.held(name)
            did: list[Removed] = []
            if step.prune:
                did.append(held.remove(step.prune, force=force))
            if step.clear_cache:
                did.append(held.clear())
            for removed in did:
                run.report_removed(name, removed, step.sizes)
            gone = tuple(tag for removed in did for tag in removed.tags)
            left = tuple(tag for removed in did for tag in removed.left)
            whole = [tag for tag in gone if tag not in left]
            whole += [""] if step.clear_cache and layout.CACHE not in left else []
            known = [step.sizes[tag] for tag in whole if tag in step.sizes]
            freed = sum(known) if whole and len(known) == len(whole) else None
            run.conclude(name, Settles.NONE, run.journal("end", outcome="done", pruned=list(gone)))
            kept = tuple(tag for removed in did for tag in removed.busy + removed.kept)
            return PruneResult(gone, step.clear_cache, kept, left, freed, step.exact)

    with run.or_give_back("failed"):
        return _summary(run.on_all(prune).unwrap("finish"))


def _summary(pruned: Mapping[str, PruneResult]) -> str:
    """`pruned 2 releases on 3 servers, freed 40 MB; kept r2 on web1`."""
    tags = {tag for result in pruned.values() for tag in result.gone}
    cleared = any(result.cleared for result in pruned.values())
    parts = [f"pruned {count(len(tags), 'release')}"] if tags else []
    parts += ["cleared the deploy-cache"] if cleared else []
    at = sum(bool(result.gone or result.cleared) for result in pruned.values())
    known = [result for result in pruned.values() if result.freed is not None]
    freed = sum(result.freed or 0 for result in known) if known else None
    did = freeing("freed", freed, all(result.exact for result in known))
    said = [f"{' and '.join(parts)} on {count(at, 'server')}{did}" if parts else "nothing was pruned"]
    said += _where("kept", {name: result.kept for name, result in pruned.items()})
    said += _where("could not remove all of", {name: result.left for name, result in pruned.items()})
    return "; ".join(said)


def _where(what: str, tags: Mapping[str, Iterable[str]]) -> list[str]:
    """`kept r2 on web1, web3; kept r3 on web1`."""
    by_tag: dict[str, list[str]] = {}
    for name, some in tags.items():
        for tag in some:
            by_tag.setdefault(tag, []).append(name)
    return [f"{what} {tag} on {', '.join(names)}" for tag, names in by_tag.items()]
