"""Prune: releases' files and the deploy-cache go, records stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core import layout
from core.operations.run import Run
from core.plan import Plan, freeing
from core.protocol.answers import Removed
from core.protocol.requests import Settles
from core.text import count


@dataclass(frozen=True)
class Pruned:
    """What became of a server's step: tags that went, those that are still there, what is left in the trash.

    freed   bytes of what went whole; None where they are not known. exact: false where they are an upper bound
    """

    gone: tuple[str, ...]
    cleared: bool
    kept: tuple[str, ...]
    left: tuple[str, ...]
    freed: int | None
    exact: bool = True


def carry_out(run: Run, plan: Plan, *, force: bool) -> str:
    """Remove what the plan names on every server; the summary says what really went. `force`: also releases that a
    running process works in; without it they are kept with a warning. A server that fails keeps nobody from pruning.

    If a server dies in the middle, what was renamed into trash/ is swept by the next operation there. FleetError
    names the servers that failed.
    """

    def prune(name: str) -> Pruned:
        step = plan.step(name)
        with run.phase("finish", name):
            held = run.held(name)
            did: list[Removed] = []
            if step.prune:
                did.append(held.remove(step.prune, force=force))
            if step.clear_cache:
                did.append(held.clear())
            for removed in did:
                run.tell_removed(name, removed, step.sizes)
            gone = tuple(tag for removed in did for tag in removed.tags)
            left = tuple(tag for removed in did for tag in removed.left)
            whole = [tag for tag in gone if tag not in left]
            whole += [""] if step.clear_cache and layout.CACHE not in left else []
            known = [step.sizes[tag] for tag in whole if tag in step.sizes]
            freed = sum(known) if whole and len(known) == len(whole) else None
            run.conclude(name, Settles.NONE, run.journal("end", outcome="done", pruned=list(gone)))
            kept = tuple(tag for removed in did for tag in removed.busy + removed.kept)
            return Pruned(gone, step.clear_cache, kept, left, freed, step.exact)

    with run.or_give_back("failed"):
        return summary(run.on_all(prune).unwrap("finish"))


def summary(pruned: Mapping[str, Pruned]) -> str:
    """`pruned 2 releases on 3 servers, freed 40 MB; kept r2 on web1`."""
    tags = {tag for one in pruned.values() for tag in one.gone}
    cleared = any(one.cleared for one in pruned.values())
    parts = [f"pruned {count(len(tags), 'release')}"] if tags else []
    parts += ["cleared the deploy-cache"] if cleared else []
    at = sum(bool(one.gone or one.cleared) for one in pruned.values())
    known = [one for one in pruned.values() if one.freed is not None]
    freed = sum(one.freed or 0 for one in known) if known else None
    did = freeing("freed", freed, all(one.exact for one in known))
    said = [f"{' and '.join(parts)} on {count(at, 'server')}{did}" if parts else "nothing was pruned"]
    said += _where("kept", {name: one.kept for name, one in pruned.items()})
    said += _where("not all could be removed of", {name: one.left for name, one in pruned.items()})
    return "; ".join(said)


def _where(what: str, tags: Mapping[str, Iterable[str]]) -> list[str]:
    """`kept r2 on web1, web3; kept r3 on web1`."""
    by_tag: dict[str, list[str]] = {}
    for name, some in tags.items():
        for tag in some:
            by_tag.setdefault(tag, []).append(name)
    return [f"{what} {tag} on {', '.join(names)}" for tag, names in by_tag.items()]
