"""What a word is in a repository: a tag, a branch, both, or a commit."""

from __future__ import annotations

from msgspec import Struct

from core.errors import TurnoutError
from core.source.git.repository import Repository, Resolved

_KINDS = (("refs/tags/", "tag"), ("refs/heads/", "branch"), ("refs/remotes/", "remote branch"), ("refs/", "ref"))


class Named(Struct, frozen=True):
    """A name of a commit: `kind` is tag, branch, remote branch or ref; `full` begins with `refs/`."""

    kind: str
    full: str
    commit: str

    @property
    def exact(self) -> str:
        """The shortest form that can mean nothing else: `tags/v1`, `heads/v1`."""
        return self.full.removeprefix("refs/")


def names(repository: Repository, word: str) -> list[Named]:
    """All names that git may take a word for, in the order in which it tries them (gitrevisions(7))."""
    if not word or any(character in word for character in "\0 ~^:?*[\\") or word.startswith("-"):
        return []
    places = {prefix + word: kind for prefix, kind in _KINDS}
    shape = "--format=%(refname) %(objectname) %(*objectname)"
    by_name = {}
    for line in repository.answer("for-each-ref", shape, *places).decode("utf-8", "replace").splitlines():
        full, *commits = line.split(" ")
        if full in places:
            by_name[full] = Named(places[full], full, next(filter(None, reversed(commits))))
    order = ("refs/", "refs/tags/", "refs/heads/", "refs/remotes/")
    return [by_name[prefix + word] for prefix in order if prefix + word in by_name]


def described(repository: Repository, word: str) -> tuple[str, str]:
    """`a git tag`, `a git tag and a git branch`, `a git commit`, and the commit that is meant; "" twice for neither."""
    try:
        commit = repository.resolve(word).commit
        meanings = names(repository, word)
    except TurnoutError:
        return "", ""
    return " and ".join(f"a git {name.kind}" for name in meanings) or "a git commit", commit


def ambiguity(resolved: Resolved, ref: str) -> str:
    """What to say of a ref that is the name of several things; "" where it is not."""
    if not resolved.ambiguous:
        return ""
    meanings = names(resolved.repository, ref)
    exact = " or ".join(name.exact for name in meanings)
    if ref == "HEAD":
        kinds = " and ".join(f"a {name.kind}" for name in meanings)
        return f"HEAD is also the name of {kinds}: what is checked out is deployed; write {exact} for the other"
    if len(meanings) < 2:
        return ""
    every = " and ".join(f"a {name.kind} ({name.commit[:7]})" for name in meanings)
    return f"{ref} is both {every}: the {meanings[0].kind} is deployed; write {exact} to say which"
