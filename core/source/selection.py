"""What of a tree is deployed: the `publish` folder, without what `exclude` names (pure)."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Sequence

from core.errors import SourceError
from core.gathering import Gathering
from core.manifest import FOLDER, Manifest
from core.text import show_path

Excluded = Callable[[bytes, bool], bool]
"""Whether a path, relative to the published folder, is left out; True as the second argument for a folder."""


def nothing(path: bytes, folder: bool) -> bool:
    """Leaves nothing out."""
    return False


def excluding(patterns: Sequence[str], key: str = "source.exclude") -> Excluded:
    """What gitignore patterns leave out. SourceError for text that is not a pattern; it names the `key` they are from.

    As in git, nothing below an excluded folder comes back by a later `!pattern`: do not ask about paths below one.
    """
    if not patterns:
        return nothing
    from pathspec import GitIgnoreSpec  # costs 20 ms at the start

    try:
        spec = GitIgnoreSpec.from_lines([_contents_only(pattern) for pattern in patterns])
    except ValueError as error:
        raise SourceError(f"{key}: {error}", hint="patterns are those of a .gitignore file") from error

    def excluded(path: bytes, folder: bool) -> bool:
        return spec.match_file(os.fsdecode(path) + ("/" if folder else ""))

    return excluded


def _contents_only(pattern: str) -> str:
    """`a/**` as `a/**/*`, which means the same in git; pathspec takes the first for the folder `a` too."""
    bare = pattern.rstrip()
    return bare + "/*" if bare.endswith("/**") else pattern


class Selection:
    """What is deployed of a tree whose entries come one by one, a folder before what lies in it.

    publish   the folder that is deployed; "" for all
    """

    def __init__(self, publish: str, exclude: Sequence[str]) -> None:
        self._start = os.path.join(os.fsencode(publish), b"")
        self._exclude = exclude
        self._excluded: Excluded | None = None if exclude else nothing
        self._left_out: set[bytes] = set()

    def relative(self, whole: bytes, folder: bool) -> bytes | None:
        """The path of an entry in what is deployed; None where it is no part of that. `folder`: it is one."""
        if not whole.startswith(self._start):
            return None
        path = whole[len(self._start) :]
        if self._excluded is None:
            self._excluded = excluding(self._exclude)
        if self._excluded is nothing:
            return path
        if path.rpartition(b"/")[0] in self._left_out or self._excluded(path, folder):
            if folder:
                self._left_out.add(path)
            return None
        return path


def selected(tree: Manifest, publish: str, exclude: Sequence[str]) -> Manifest:
    """The deployed part of a whole tree, with paths relative to `publish`. SourceError where that is not a folder."""
    part = os.fsencode(publish)
    if not part and not exclude:
        return tree
    entries = tree.entries
    paths: Iterable[bytes] = entries
    if part:
        entry = entries.get(part)
        if entry is None or entry.kind != FOLDER:
            raise not_a_folder(publish, [path for path, e in entries.items() if e.kind == FOLDER], entry is not None)
        start = part + b"/"
        paths = (path for path in entries if path.startswith(start))
    selection = Selection(publish, exclude)
    kept = Gathering()
    for whole in sorted(paths):
        entry = entries[whole]
        path = selection.relative(whole, entry.kind == FOLDER)
        if path is not None:
            kept[path] = entry
    return kept.manifest()


def not_a_folder(publish: str, folders: Iterable[bytes], exists: bool) -> SourceError:
    """The error for a `publish` that is not there, with the nearest folder that is."""
    near = difflib.get_close_matches(publish, [os.fsdecode(folder) for folder in folders], n=1)
    shown = show_path(os.fsencode(publish))
    return SourceError(
        f"source.publish: {shown} is not a folder"
        if exists
        else f"source.publish: there is no folder {shown} in the tree",
        hint=f"did you mean {show_path(os.fsencode(near[0]))}?" if near else "do the build commands make it?",
    )
