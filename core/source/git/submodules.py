"""Submodules of a commit, and where this clone has each at the commit that it is to have."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from core.manifest import is_inside
from core.source.git.repository import Repository, Resolved


class Submodule(Struct, frozen=True):
    """A submodule at a path of the tree, as bytes; `commit` is the one that the tree wants."""

    path: bytes
    commit: str


class Submodules:
    """Those of one commit. A clone keeps them in `modules/NAME` beside its objects, older ones in the work tree."""

    def __init__(self, resolved: Resolved) -> None:
        self._resolved = resolved

    @cached_property
    def all(self) -> tuple[Submodule, ...]:
        """In the order of their paths. One call of git."""
        resolved = self._resolved
        tree = resolved.commit.encode() + (b":" + resolved.prefix if resolved.prefix else b"")
        done = resolved.repository.ask("ls-tree", "-r", "-z", "--full-tree", tree)
        lines = done.stdout.split(b"\0") if b"160000 commit " in done.stdout else []
        found = (line.partition(b"\t") for line in lines if line.startswith(b"160000 "))
        return tuple(Submodule(path, facts.split(b" ")[2].decode()) for facts, _, path in found)

    def resolved(self, submodule: Submodule) -> Resolved | None:
        """The submodule's commit in its own clone; None where this machine has no clone of it, or not that commit."""
        for place, is_git_folder in self._places(submodule):
            if not os.path.isdir(place):
                continue
            environ = self._resolved.repository.environ
            clone = Repository(Path(os.fsdecode(place)), environ, is_git_folder=is_git_folder)
            common = clone.ask("rev-parse", "--git-common-dir").stdout.removesuffix(b"\n")
            if not common or clone.ask("cat-file", "-e", submodule.commit + "^{commit}").returncode:
                continue
            return Resolved(clone, submodule.commit, os.path.join(place, common), b"")
        return None

    @cached_property
    def conditions(self) -> str:
        """What their content depends on in addition to their commits, as a text; "" for nothing."""
        found = []
        for submodule in self.all:
            if clone := self.resolved(submodule):
                inner = clone.surroundings()
                own = clone.attributes.strip()
                found += [f"{submodule.path!r} {inner} {own!r}"] if inner or own else []
        return "\n".join(found)

    def _places(self, submodule: Submodule) -> Iterator[tuple[bytes, bool]]:
        """Where its clone may be, and whether that is a git folder, which stays when the work tree is removed."""
        resolved = self._resolved
        name = self._names.get(resolved.prefix + submodule.path)
        if name:
            yield os.path.join(resolved.common, b"modules", name), True
        place = os.path.join(self._top, resolved.prefix + submodule.path)
        if self._top and os.path.lexists(os.path.join(place, b".git")):
            yield place, False

    @cached_property
    def _top(self) -> bytes:
        """The work tree; empty where there is none."""
        return self._resolved.repository.ask("rev-parse", "--show-toplevel").stdout.removesuffix(b"\n")

    @cached_property
    def _names(self) -> Mapping[bytes, bytes]:
        """Each submodule's name by its path, as .gitmodules of the commit has them: anybody who commits writes them."""
        blob = f"{self._resolved.commit}:.gitmodules"
        said = self._resolved.repository.ask("config", "--blob", blob, "-z", "--get-regexp", r"^submodule\..*\.path$")
        found = {}
        for item in said.stdout.split(b"\0"):
            key, _, path = item.partition(b"\n")
            name = key.removeprefix(b"submodule.").removesuffix(b".path")
            if name and is_inside(name):
                found[path] = name
        return found
