"""[deploy] of turnout.toml: how releases are made and kept on every server, and which paths they share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec

from core.config import values
from core.config.patterns import Pattern, all_or_nothing
from core.config.placing import listed, texts
from core.config.readers import Check as Checked
from core.config.readers import Reads
from core.config.table import Broken, Table
from core.config.types import Count
from core.shared import SharedPath


class Shared(Table):
    """A shared path with what is said of it; alone, its text is enough."""

    path: Annotated[str, Checked(values.shared)]
    """A file or, with a slash at the end, a folder, relative to the release."""
    required: bool = False
    """Whether a deploy is refused where it is neither in shared/ nor in the release."""


def _shared(value: Any) -> Any:
    """A shared path that is written as a text, as its table."""
    if isinstance(value, str):
        return Shared.unchecked(path=values.shared(value))
    if isinstance(value, (dict, Shared)):
        return Shared.read(value)
    raise ValueError(f"must be text in quotes or a table with a path, not {values.kind(value)}")


SharedEntries = tuple[Annotated[Shared, Reads(_shared)], ...]


def shared_once(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that no shared path is listed twice, or lies inside another one."""
    seen: dict[str, int] = {}
    for index, written in texts([_path_of(entry) for entry in listed(table, "shared")]):
        try:
            path = values.shared(written).rstrip("/")
        except ValueError:
            continue
        for other in seen:
            if path == other:
                yield ("shared", index), f"{values.shown(written)} is listed twice", ""
            elif path.startswith(other + "/") or other.startswith(path + "/"):
                inner, outer = (path, other) if len(path) > len(other) else (other, path)
                yield ("shared", index), f'"{inner}" lies inside "{outer}", which is shared as a whole', ""
        seen.setdefault(path, index)


def _writable(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that what is hard-linked to the deploy-cache does not become writable there."""
    if table.get("copy") != "hardlink":
        return
    shared = [text.rstrip("/") for _, text in texts([_path_of(entry) for entry in listed(table, "shared")])]
    for index, path in texts(table.get("writable")):
        bare = path.rstrip("/")
        if not any(bare == each or bare.startswith(each + "/") for each in shared):
            message = 'is not possible with copy = "hardlink": its files are those of the deploy-cache'
            yield ("writable", index), message, 'copy = "auto", or make it a shared path'


def _path_of(entry: Any) -> Any:
    return entry.get("path") if isinstance(entry, dict) else entry


class Deploy(Table):
    """How releases are made and kept on every server."""

    keep: Count = 10
    """Releases whose files stay on a server."""
    shared_entries: SharedEntries = msgspec.field(default=(), name="shared")
    """Files and folders (a slash at the end) that all releases link to."""
    copy_mode: Literal["auto", "hardlink"] = msgspec.field(default="auto", name="copy")
    """auto: reflink or copy; hardlink: faster, for trees that the application never writes."""
    compatible: Literal["", "capistrano", "deployer", "ansistrano", "mina", "shipit"] = ""
    """The tool whose files are kept true: REVISION in each release, and its log; for Mina, names that are numbers."""
    migrations: tuple[Pattern, ...] = ()
    """gitignore patterns of the release's files that change a database: a rollback does not take them back."""
    generated: tuple[Pattern, ...] = ()
    """gitignore patterns of what the application writes in a release: `turnout verify` passes over it."""
    writable: tuple[Annotated[str, Checked(values.shared)], ...] = ()
    """Files and folders of the release that the group may write, too: the web server's user is in it."""

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        yield from shared_once(table)
        yield from _writable(table)
        yield from all_or_nothing(table, "generated", "`turnout verify` would pass over every file")
        yield from all_or_nothing(table, "migrations", "every new file would be one")

    @property
    def shared(self) -> tuple[str, ...]:
        """The shared paths as they are written, in the order of the file."""
        return tuple(entry.path for entry in self.shared_entries)

    @property
    def shared_paths(self) -> tuple[SharedPath, ...]:
        """The same for a plan."""
        return tuple(
            SharedPath(entry.path.rstrip("/"), entry.path.endswith("/"), entry.required)
            for entry in self.shared_entries
        )
