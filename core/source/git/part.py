"""Some files of a commit as a tree of their own: `git archive` compares each file with each path that it is given, so
thousands of paths would cost more than all files.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from core.errors import SourceError
from core.source.git.repository import Change, Resolved, words_of

_SETTINGS = ("-c", "core.fsync=none", "-c", "core.fsyncObjectFiles=false", "-c", "core.fsmonitor=false")


@contextmanager
def part(resolved: Resolved, files: Iterable[Change]) -> Iterator[Resolved]:
    """What has just these files and all `.gitattributes`, to archive. SourceError where git fails.

    The repository is only read: git writes the tree's folders into a temporary one, which borrows all else from it.
    """
    with tempfile.TemporaryDirectory() as place:
        os.mkdir(os.path.join(place, "objects"))
        alone = resolved.repository.given(
            GIT_INDEX_FILE=os.path.join(place, "index"),
            GIT_OBJECT_DIRECTORY=os.path.join(place, "objects"),
            GIT_ALTERNATE_OBJECT_DIRECTORIES=_quoted(os.path.realpath(os.path.join(resolved.common, b"objects"))),
        )
        rows = [b"%b %b\t%b\0" % (file.after, file.blob, file.path) for file in (*resolved.attribute_files(), *files)]

        def ask(*words: str, given: bytes = b"") -> str:
            command = [*alone.command(), *_SETTINGS, *words]
            done = subprocess.run(command, input=given, env=alone.variables, capture_output=True, check=False)
            if done.returncode:
                raise SourceError(f"git {words[0]} failed", detail=words_of(done.stderr))
            return done.stdout.decode("ascii").strip()

        ask("update-index", "-z", "--index-info", given=b"".join(rows))
        yield replace(resolved, repository=alone, commit=ask("write-tree", "--missing-ok"))


def _quoted(path: bytes) -> str:
    """A path in the list of them that the variable is: git reads what is in quotes as C does."""
    return '"' + os.fsdecode(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
