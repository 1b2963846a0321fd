"""Changed files that travel as patches: of what a deploy-cache holds, if this machine still has that, or sums of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import BinaryIO

from core.config import Project
from core.errors import TurnoutError
from core.jobs import Cancel
from core.manifest import Difference, Manifest
from core.records import Record, ServerState
from core.source import tree_without_build
from core.source.sums import KeptSums
from core.source.tree import Tree
from core.sums import Run, matched
from core.tar.compression import has_zstd
from core.tar.patches import Patches, read_at

NEAR = 0.005
"""Seconds of a round trip up to which files travel fast."""
WORTH_NEAR = 16 << 20
"""Bytes of changed files from which patches pay over such a way: to find the old content, and to ask the server for one
thing more, takes as long as to send this much."""


FEW = 1 / 32
"""What is new of a file, at most, for its sums to be enough: where more is, the old content makes smaller patches."""


class Patching:
    """The patches of one stream, for all servers that take it; nothing is made before `make`.

    target     the environment that is deployed to
    old        what their deploy-caches hold
    paths      the files that may travel as patches (core.patchable)
    whole      the paths that travel as they are
    bytes      of content that travel
    """

    def __init__(
        self,
        project: Project,
        target: str,
        tree: Tree,
        change: Difference,
        old: Manifest,
        states: Sequence[ServerState],
        paths: Sequence[bytes],
    ) -> None:
        self._project = project
        self._target = target
        self._tree = tree
        self._old = old
        self._states = states
        self._paths = paths
        self.patches: Patches | None = None
        self.whole: Sequence[bytes] = change.send
        self.bytes = change.bytes

    def make(self, rtt: float, cancel: Cancel) -> None:
        """Make the patches that pay over such a way. Where this machine cannot, files travel whole.

        Raises SourceError, Cancelled.
        """
        if self.patches is not None or not has_zstd():
            return
        if rtt < NEAR and sum(self._tree.manifest.entries[path].size for path in self._paths) < WORTH_NEAR:
            return
        patches = Patches(self._project.settings.cache)
        try:
            self._fill(patches, cancel)
            patches.settle()
        except OSError:  # no space for them here
            return
        if patches.made:
            entries, made = self._tree.manifest.entries, {patch.path for patch in patches.made}
            self.patches = patches
            self.whole = [path for path in self.whole if path not in made]
            self.bytes = sum(entries[path].size for path in self.whole) + patches.sent

    def _fill(self, patches: Patches, cancel: Cancel) -> None:
        entries, later = self._tree.manifest.entries, []
        for path in self._paths:
            with self._tree.open(path) as new:
                if self._old.entries[path].content == entries[path].content:
                    patches.add_same(path, entries[path], self._when(new))
                    continue
                runs = self._runs(path, new, cancel)
                if runs is not None and sum(run.size for run in runs if run.old < 0) <= FEW * entries[path].size:
                    patches.add_matched(path, entries[path], self._when(new), runs, new, cancel.check)
                else:
                    later.append((path, runs))
        before = self._earlier([path for path, _ in later], cancel) if later else None
        for path, runs in later:
            with self._tree.open(path) as new:
                if before is not None and same_content(before.manifest, self._old, path):
                    with before.open(path) as old:
                        size = self._old.entries[path].size
                        patches.add(path, entries[path], self._when(new), old, size, new, cancel.check)
                elif runs is not None:
                    patches.add_matched(path, entries[path], self._when(new), runs, new, cancel.check)

    def _when(self, file: BinaryIO) -> int:
        """The modification time that a file gets on the servers."""
        return int(os.fstat(file.fileno()).st_mtime) if self._tree.mtime is None else self._tree.mtime

    def _runs(self, path: bytes, file: BinaryIO, cancel: Cancel) -> list[Run] | None:
        """What a changed file is made of, by the sums of both contents; None where they are not kept."""
        kept = KeptSums(self._project.settings.cache)
        before, now = self._old.entries[path], self._tree.manifest.entries[path]
        old = kept.of(before.content, before.size)
        new = kept.of(now.content, now.size) if old else None
        if old is None or new is None:
            return None
        return matched(old, new, partial(read_at, file), cancel.check)

    def _earlier(self, paths: Sequence[bytes], cancel: Cancel) -> Tree | None:
        """The tree that the deploy-caches came from, as far as this machine has it; the files of `paths` at hand."""
        for record in self._records():
            with suppress(TurnoutError):
                tree, _ = tree_without_build(self._project, record, cancel, target=self._target)
                same = [path for path in paths if tree and same_content(tree.manifest, self._old, path)]
                if tree and same:
                    tree.fetch(same, cancel)
                    return tree
            cancel.check()
        return None

    def _records(self) -> list[Record]:
        """Of the releases whose tree the caches hold; where nobody knows what they hold, of those that are live."""
        found: Mapping[str, Record] = {
            release.record.digest: release.record
            for state in self._states
            for release in state.releases.values()
            if release.record
            and release.record.digest
            and (release.record.digest == self._old.digest or (not state.cache and release.live))
        }
        return list(found.values())


def same_content(one: Manifest, other: Manifest, path: bytes) -> bool:
    """Whether both have a file of the same content there."""
    entry, its = one.entries.get(path), other.entries.get(path)
    return entry is not None and its is not None and entry.is_file and its.is_file and entry.content == its.content
