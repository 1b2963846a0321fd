"""The entries of a tree that is being read, in few bytes each once there are very many (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from core.entry import FOLDER, Entry, line
from core.manifest import MANY, Manifest


class Gathering:
    """Entries by path: as they are, and from MANY on as lines of the text form (core.packed)."""

    def __init__(self) -> None:
        self._few: dict[bytes, Entry] | None = {}
        self._lines: dict[bytes, bytes] = {}

    @property
    def is_large(self) -> bool:
        """Whether there are, or were, very many."""
        return self._few is None

    def __len__(self) -> int:
        return len(self._lines) if self._few is None else len(self._few)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._lines if self._few is None else self._few)

    def __contains__(self, path: object) -> bool:
        return path in (self._lines if self._few is None else self._few)

    def __getitem__(self, path: bytes) -> Entry:
        return _entry(self._lines[path]) if self._few is None else self._few[path]

    def get(self, path: bytes) -> Entry | None:
        """The entry of a path; None where it has none."""
        if self._few is not None:
            return self._few.get(path)
        found = self._lines.get(path)
        return None if found is None else _entry(found)

    def __setitem__(self, path: bytes, entry: Entry) -> None:
        if self._few is None:
            self._lines[path] = line(path, entry).encode("ascii")
            return
        self._few[path] = entry
        if len(self._few) > MANY:
            self._lines = {path: line(path, entry).encode("ascii") for path, entry in self._few.items()}
            self._few = None

    def __delitem__(self, path: bytes) -> None:
        del (self._lines if self._few is None else self._few)[path]

    def items(self) -> Iterator[tuple[bytes, Entry]]:
        """Each path with its entry, in the order in which they came."""
        if self._few is not None:
            return iter(self._few.items())
        return ((path, _entry(item)) for path, item in self._lines.items())

    def update(self, entries: Iterable[tuple[bytes, Entry]]) -> None:
        """Take in entries, also in place of those that are there."""
        for path, entry in entries:
            self[path] = entry

    def take(self, manifest: Manifest, but: Collection[bytes]) -> None:
        """Begin with what another tree has, apart from some paths."""
        if not manifest.is_large:
            self._few = {path: entry for path, entry in manifest.entries.items() if path not in but}
            return
        from core.packed import path_of  # few trees are that large

        self._few = None
        for item in manifest.lines:
            path = path_of(item)
            if path not in but:
                self._lines[path] = item.encode("ascii")

    def folders(self) -> list[bytes]:
        """The paths of the folders."""
        if self._few is not None:
            return [path for path, entry in self._few.items() if entry.kind == FOLDER]
        return [path for path, item in self._lines.items() if _is_folder(item)]

    def manifest(self) -> Manifest:
        """The tree. The entries go into it: nothing more is gathered here."""
        if self._few is not None:
            return Manifest(self._few)
        from core.packed import Lines, Packed

        lines = sorted(self._lines.values())
        self._lines = {}
        lines.append(b"")
        raw = b"\n".join(lines)
        del lines  # they take more than the text, and so do the places of its lines
        return Manifest(Packed(Lines(raw)))


class Differing(Gathering):
    """Of the files that come only those that another tree has not just so; folders and links are all there."""

    def __init__(self, manifest: Manifest) -> None:
        super().__init__()
        self._expected = manifest.entries

    def __setitem__(self, path: bytes, entry: Entry) -> None:
        if not entry.is_file or self._expected.get(path) != entry:
            super().__setitem__(path, entry)
        elif path in self:
            del self[path]

    def __getitem__(self, path: bytes) -> Entry:
        return super().__getitem__(path) if path in self else self._expected[path]


def _entry(item: bytes) -> Entry:
    from core.packed import entry_of

    return entry_of(item.decode("ascii"))


def _is_folder(item: bytes) -> bool:
    return item.startswith(b"d", item.index(b"\t") + 1)
