"""Changed files that travel as patches: of what a deploy-cache holds, if this machine still has that, too."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

from core.config import Project
from core.errors import TurnoutError
from core.jobs import Cancel
from core.manifest import Difference, Manifest
from core.operations.fan_out import has_zstd
from core.records import Record, ServerState
from core.source import tree_without_build
from core.source.tree import Tree
from core.tar.patches import Patches

NEAR = 0.005
"""Seconds of a round trip up to which files travel fast."""
WORTH_NEAR = 16 << 20
"""Bytes of changed files from which patches pay over such a way: to find the old content, and to ask the server for one
thing more, takes as long as to send this much."""


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
        with suppress(OSError):  # no space for them here
            self._fill(patches, cancel)
        if patches.made:
            entries, made = self._tree.manifest.entries, {patch.path for patch in patches.made}
            self.patches = patches
            self.whole = [path for path in self.whole if path not in made]
            self.bytes = sum(entries[path].size for path in self.whole) + patches.sent

    def _fill(self, patches: Patches, cancel: Cancel) -> None:
        entries, mtime = self._tree.manifest.entries, self._tree.mtime
        changed = [path for path in self._paths if self._old.entries[path].content != entries[path].content]
        before = self._earlier(changed, cancel) if changed else None
        for path in self._paths:
            with self._tree.open(path) as new:
                when = int(os.fstat(new.fileno()).st_mtime) if mtime is None else mtime
                if path not in changed:
                    patches.add_same(path, entries[path], when)
                elif before is not None and same_content(before.manifest, self._old, path):
                    with before.open(path) as old:
                        size = self._old.entries[path].size
                        patches.add(path, entries[path], when, old, size, new, cancel.check)

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
