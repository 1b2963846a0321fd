"""A folder on disk that takes what a tar stream holds (core.tar.reader)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from core.sums import Summing
from core.tar.reader import Buffer


class Folder:
    """An empty folder that nothing else writes to. Files are only created: a name that is there is never followed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = str(path)
        self._top = os.path.join(os.fsencode(path), b"")

    def below(self, path: bytes) -> Folder:
        """A folder in it."""
        return Folder(self.path / os.fsdecode(path))

    def folder(self, path: bytes) -> None:
        os.mkdir(self._top + path)

    def link(self, path: bytes, target: bytes) -> None:
        os.symlink(target, self._top + path)

    def file(
        self, path: bytes, size: int, *, executable: bool, when: int
    ) -> AbstractContextManager[Callable[[Buffer], None]]:
        return self._made(path, executable, when)

    @contextmanager
    def _made(self, path: bytes, executable: bool, when: int) -> Iterator[Callable[[Buffer], None]]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._top + path, flags, 0o777 if executable else 0o666)

        def write(content: Buffer) -> None:
            view = memoryview(content)
            while view:
                view = view[os.write(handle, view) :]

        try:
            yield write
            os.utime(handle, (when, when))
        finally:
            os.close(handle)

    def whole(self, path: bytes, content: Buffer, *, executable: bool, when: int) -> None:
        with self._made(path, executable, when) as write:
            write(content)

    def summed(self, summing: Summing) -> None:
        """Nothing: what lies in a folder is hashed again."""

    def read(self, path: bytes, most: int) -> bytes:
        """The beginning of a file."""
        with open(os.open(self._top + path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            return file.read(most)

    @contextmanager
    def replace(self, path: bytes) -> Iterator[Callable[[Buffer], None]]:
        """Give a file another content; its mode and time stay."""
        facts = os.lstat(self._top + path)
        os.unlink(self._top + path)
        with self._made(path, bool(facts.st_mode & 0o100), int(facts.st_mtime)) as write:
            yield write
