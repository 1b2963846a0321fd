"""Git LFS files of an export: their content from the clone's own store, never from the network.

git-lfs itself is not needed. A file counts as one of its own if its content is a pointer and its attributes say
`filter=lfs`: a pointer that is a test's sample stays as it is.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from core.errors import SourceError
from core.gathering import Gathering
from core.jobs import Cancel
from core.manifest import Entry
from core.source.git.repository import Resolved, words_of
from core.sums import Summing, has_sums

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,18})\n"
)
_PIECE = 1 << 20
_LONGEST = 1024
"""Bytes that a pointer has at most, by git-lfs's specification."""


class Pointer(NamedTuple):
    """What a pointer says of the content: SHA-256 in hex, size in bytes."""

    digest: str
    size: int


class Files(Protocol):
    """Where the exported files are: core.tar.folder, core.source.spool."""

    def read(self, path: bytes, most: int) -> bytes: ...
    def replace(self, path: bytes) -> AbstractContextManager[Callable[[bytes | memoryview], None]]: ...
    def summed(self, summing: Summing) -> None: ...


def fill(
    resolved: Resolved, files: Files, pointers: Sequence[bytes], entries: Gathering, cancel: Cancel
) -> tuple[dict[bytes, Entry], list[bytes]]:
    """Put the content in place of pointers.

    files     the exported files, with nothing else writing to them
    pointers  paths of files that begin like a pointer
    The entries of the files that have their content now, and the paths whose content the clone has not.
    """
    tracked = _tracked(resolved, pointers)
    filled: dict[bytes, Entry] = {}
    missing: list[bytes] = []
    stores = list(_stores(resolved)) if tracked else []
    for path in pointers:
        pointer = _read(files, path) if path in tracked else None
        if pointer is None:
            continue
        cancel.check()
        if _put(files, path, pointer, stores, cancel):
            filled[path] = Entry(entries[path].kind, pointer.size, pointer.digest)
        else:
            missing.append(path)
    return filled, missing


def _tracked(resolved: Resolved, paths: Sequence[bytes]) -> Set[bytes]:
    """Those of the paths whose attributes, in the commit and in the repository's own, say that git-lfs keeps them."""
    if not paths:
        return set()
    with tempfile.TemporaryDirectory() as place:
        variables = {
            **resolved.repository.variables,
            "GIT_DIR": os.fsdecode(os.path.realpath(resolved.common)),
            "GIT_WORK_TREE": place,
            "GIT_INDEX_FILE": os.path.join(place, "index"),
        }

        def ask(*words: str, given: bytes = b"") -> bytes:
            command = ["git", "-C", place, *resolved.repository.settings, *words]
            done = subprocess.run(command, input=given, env=variables, capture_output=True, check=False)
            if done.returncode:
                raise SourceError(f"git {words[0]} failed", detail=words_of(done.stderr))
            return done.stdout

        ask("read-tree", resolved.commit)
        named = b"".join(resolved.prefix + path + b"\0" for path in paths)
        said = ask("check-attr", "--cached", "-z", "--stdin", "filter", given=named).split(b"\0")
    values = dict(zip(said[0:-1:3], said[2::3], strict=True))
    return {path for path in paths if values.get(resolved.prefix + path) == b"lfs"}


def _stores(resolved: Resolved) -> Iterator[bytes]:
    """The folders in which git-lfs keeps content: the clone's own, then those of clones that it borrows from."""
    said = resolved.repository.ask("config", "--type=path", "lfs.storage").stdout.removesuffix(b"\n")
    yield os.path.join(resolved.common, said or b"lfs", b"objects")
    try:
        with open(os.path.join(resolved.common, b"objects/info/alternates"), "rb") as file:
            borrowed = file.read(1 << 16).splitlines()
    except OSError:
        return
    for line in borrowed:
        if line and not line.startswith(b"#"):
            yield os.path.join(resolved.common, b"objects", line, b"../lfs/objects")


def _read(files: Files, path: bytes) -> Pointer | None:
    match = _POINTER.fullmatch(files.read(path, _LONGEST))
    return Pointer(match[1].decode(), int(match[2])) if match else None


def _put(files: Files, path: bytes, pointer: Pointer, stores: Sequence[bytes], cancel: Cancel) -> bool:
    """Write the content over the pointer; False where no store has it whole."""
    digits = pointer.digest.encode()
    for store in stores:
        place = os.path.join(store, digits[:2], digits[2:4], digits)
        try:
            source = open(place, "rb", buffering=0)  # noqa: SIM115  # closed below, apart from what opening it may raise
        except OSError:
            continue
        with source:
            if os.fstat(source.fileno()).st_size != pointer.size:
                continue
            summing = _summing(source.fileno(), pointer.size, cancel)
            if summing.hexdigest() == pointer.digest:
                files.summed(summing)
                source.seek(0)
                with files.replace(path) as write:
                    while piece := source.read(_PIECE):
                        cancel.check()
                        write(piece)
                return True
    return False


def _summing(handle: int, size: int, cancel: Cancel) -> Summing:
    summing = Summing(has_sums(size))
    while piece := os.read(handle, _PIECE):
        cancel.check()
        summing.update(piece)
    return summing
