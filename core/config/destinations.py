"""Which servers, folders and links of turnout.toml are the same as another one's (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.config import values
from core.config.placing import environments_of, servers_of
from core.config.table import Broken, Place


def destinations(servers: Sequence[Any]) -> Iterator[Broken]:
    """The rule that no two servers of an environment are one place."""
    places: dict[object, int] = {}
    for index, entry in enumerate(servers):
        place = _place(entry, "root")
        if place and places.setdefault(place, index) != index:
            yield ("servers", index, "root"), f"has the same host, port and root as servers[{places[place]}]", ""


def same_links(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that no two deploy roots of a host switch the same link. Of the whole file."""
    seen: dict[object, str] = {}
    for name, environment in environments_of(table).items():
        for index, entry in enumerate(servers_of(environment)):
            if not isinstance(entry, dict):
                continue
            own = "current" in entry
            link = entry.get("current") or environment.get("current")
            if not isinstance(link, str) or not link.startswith("/"):
                continue
            place = _place({**entry, "current": link}, "current")
            at: Place = ("environments", name, *(("servers", index) if own else ()), "current")
            root = str(entry.get("root"))
            other = seen.setdefault(place, root) if place else root
            if other != root:
                yield at, f"is the link of {other} on {entry['host']} already: one link is for one deploy root", ""


def _place(entry: Any, key: str) -> tuple[str, ...] | None:
    """What makes a path on a server the same as another one; None where the entry does not tell."""
    host, path = (entry.get("host"), entry.get(key)) if isinstance(entry, dict) else (None, None)
    if not isinstance(host, str) or not isinstance(path, str):
        return None
    try:
        folder = values.root(path)
    except ValueError:
        return None
    return (host.rpartition("@")[2].lower(), str(entry.get("port") or 22), str(entry.get("gateway") or ""), folder)
