"""Files that are read and replaced as a whole."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import IO

MOST_BYTES = 4 << 20
"""Of a file with settings. One that is larger was named by mistake."""


def read_small(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """The content of a file that a person names. OSError, with the reason as its `strerror`, at once for what has no
    end or would be waited for: a pipe, a device, more than `most` bytes. /dev/null is an empty file, as everywhere.
    """
    with open_file(path) as file:
        return read_rest(file, path, most)


def open_file(path: str | Path) -> FileIO:
    """The file, open for reading. OSError as read_small, but for its size."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) and not os.path.samestat(facts, os.stat(os.devnull)):
            raise _not_a_file(facts.st_mode, path)
        return FileIO(handle)
    except BaseException:
        os.close(handle)
        raise


def read_rest(file: FileIO, path: str | Path, most: int = MOST_BYTES) -> bytes:
    """What is left in an open file. OSError where that is more than `most` bytes."""
    parts = []
    left = most + 1
    while left > 0 and (part := file.read(left)):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MB", os.fspath(path))
    return b"".join(parts)


def _not_a_file(mode: int, path: str | Path) -> OSError:
    if stat.S_ISDIR(mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    kind = "pipe" if stat.S_ISFIFO(mode) else "device"
    return OSError(errno.EINVAL, f"it is a {kind}, not a file", os.fspath(path))


def write_whole(path: Path, content: bytes, *, lasting: bool = False) -> None:
    """Write a file so that any reader, also after a crash of this process, finds the old content or the new, never a
    part. Its mode stays; a new file is the user's alone. OSError where it cannot be written: then it is as it was.

    lasting  whether the content is on the disk when the file gets its name
    """
    import tempfile  # what only reads, such as completion, does without it

    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        mode = 0o600
    handle, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        os.replace(made, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(made)
        raise


def let_go(file: IO[bytes]) -> None:
    """Close a file whose content nobody needs any more: what is not on the disk yet may be lost."""
    with suppress(OSError):  # of a full disk
        file.close()
