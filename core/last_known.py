"""The tags that servers had when they were last asked, on this machine: what completion offers without the network, and
how it is known that a root had releases which is empty now."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from core.files import write_whole

FOLDER = "names"
"""In the cache: `names/FILE/ENVIRONMENT/SERVER`, where FILE is made of the path of turnout.toml."""


def remember(cache: Path, file: Path, environment: str, server: str, tags: Iterable[str]) -> None:
    """Keep the tags of a server's releases. Nothing is raised: a cache that cannot be written costs completion only.

    Where a server has none any more, those that it had stay known: its disk may not be mounted (`tags_of`).
    """
    if not (tags := list(tags)):
        return
    text = "".join(f"{tag}\n" for tag in sorted(tags, reverse=True))
    path = _folder(cache, file) / environment / server
    with suppress(OSError, ValueError):
        if path.is_file() and path.read_text("utf-8") == text:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, text.encode())


def tags(cache: Path, file: Path, environment: str) -> list[str]:
    """The tags that some server of the environment had, by name, the last first; none where no server was asked yet."""
    found: set[str] = set()
    with suppress(OSError):
        for path in (_folder(cache, file) / environment).iterdir():
            if not path.name.startswith("."):
                found |= set(tags_of(cache, file, environment, path.name))
    return sorted(found, reverse=True)


def tags_of(cache: Path, file: Path, environment: str, server: str) -> list[str]:
    """The tags that one server had when it last had any, the last first."""
    with suppress(OSError, ValueError):
        return (_folder(cache, file) / environment / server).read_text("utf-8").split()
    return []


def _folder(cache: Path, file: Path) -> Path:
    return cache / FOLDER / hashlib.sha256(os.fsencode(file)).hexdigest()[:16]
