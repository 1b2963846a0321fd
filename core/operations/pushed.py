"""The tree of a deploy `--from-store`: of what was pushed, the push that is meant."""

from __future__ import annotations

from core.config import Project
from core.errors import UsageError
from core.events import Emit
from core.jobs import Cancel
from core.records import Record
from core.records.record import record_of
from core.source import source_of
from core.source.tree import Tree
from core.store import catalog, trees
from core.store.catalog import Pushed
from core.store.objects import store_of
from core.text import some

SHORTEST_REVISION = 4
"""Characters of a revision that are taken for all of it, as git has it."""


def pushed_tree(project: Project, environment: str, ref: str | None, emit: Emit, cancel: Cancel) -> Tree:
    """The tree that was pushed last for an environment, of a revision (None: the project's own). UsageError where
    there is none; StoreError.

    A word that git knows stands for its commit, also where this machine has no other use for the repository.
    """
    objects = store_of(project)
    wanted = _revision(project, ref)
    found = [
        (item.written, item.key, named)
        for item in objects.list(catalog.TREES, cancel)
        if (named := catalog.pushed_in(item.key)) and named[1] == environment and named[2].startswith(wanted)
    ]
    found = _meant(found, wanted, named=ref is not None)
    for _, key, (digest, _, _) in sorted(found, reverse=True):
        facts = trees.find_pushed(objects, key, cancel)
        if facts is None or catalog.pushed_key(digest, facts) != key:
            continue
        record = _record(digest, facts)
        tree = trees.stored_tree(objects, project, record, emit, cancel) if record else None
        if tree is not None:
            return tree
    what = f"of {catalog.short(wanted)} " if wanted else ""
    raise UsageError(
        f"the store has no tree {what}for {environment}",
        hint=f"`turnout store push {environment}` puts one there; `turnout store list` shows what is there",
    )


_Found = tuple[float, str, tuple[str, str, str]]
"""When something was pushed, its key, and what `catalog.pushed_in` says of that."""


def _meant(found: list[_Found], wanted: str, *, named: bool) -> list[_Found]:
    """Of the pushes whose revision begins so, those of the one that is meant. UsageError where it may be several.

    named   a person wrote it
    """
    exact = [item for item in found if item[2][2] == wanted]
    if exact or not wanted:
        return exact or found
    revisions = sorted({item[2][2] for item in found})
    if len(revisions) > 1 or (named and revisions and len(wanted) < SHORTEST_REVISION):
        raise UsageError(
            f"{wanted} does not say which revision",
            detail=f"the store has {some(revisions, 5, catalog.short)}",
            hint="write more of it",
        )
    return found


def _revision(project: Project, ref: str | None) -> str:
    """How the keys of the trees of a revision begin; "" for any."""
    word = ref or (project.source.ref if project.source.has_revisions else "")
    if not word:
        return ""
    commit = source_of(project).meaning(word)[1]
    if commit or ref is not None:
        return catalog.token(commit or word)
    raise UsageError(
        f"this machine does not know which commit {word} is", hint="name the revision that was pushed: --ref REV"
    )


def _record(digest: str, facts: Pushed) -> Record | None:
    """What a push says, held to the rules of a server's record; None where it breaks them: anybody may write there."""
    # Not a release yet: errors name it by its revision, of which a tag cannot have every character.
    values = {"tag": catalog.token(facts.revision)[:40], "seq": 0, "created": facts.pushed, "digest": digest}
    for name in ("source", "revision", "subject", "author", "ref"):
        values[name] = getattr(facts, name)
    try:
        return record_of(values)
    except ValueError:
        return None
