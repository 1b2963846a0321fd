"""Which servers, deploy roots and links of turnout.toml are the same as another one's, or in its way (pure).

Two names of one machine are not known to be one: the servers themselves find that out (core.overlap).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from core.config import values
from core.config.placing import environments_of, servers_of, texts
from core.config.table import Broken, Place


class _Server(NamedTuple):
    """A server of the file: where it is written, its name as people say it, and what makes a machine the same."""

    place: Place
    entry: Mapping[str, Any]
    called: str
    machine: tuple[str, str, str]

    def folder(self, key: str) -> str:
        """The absolute path that it has there; "" where it has none."""
        try:
            return values.root(self.entry[key])
        except (KeyError, TypeError, ValueError):
            return ""


def destinations(servers: Sequence[Any]) -> Iterator[Broken]:
    """The rule that no two servers of an environment are one place."""
    places: dict[object, int] = {}
    for index, server in ((index, _server((), entry)) for index, entry in enumerate(servers)):
        if server is None or not (root := server.folder("root")):
            continue
        place = (server.machine, root)
        if places.setdefault(place, index) != index:
            yield ("servers", index, "root"), f"has the same host, port and root as servers[{places[place]}]", ""


def overlapping(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rules that deploy roots of a machine do not overlap, and that no two of them switch the same link, nor one
    that is in the way of a root. Of the whole file.
    """
    roots: dict[tuple[object, str], _Server] = {}
    links: dict[tuple[object, str], str] = {}
    for name, environment in environments_of(table).items():
        own = ("environments", name)
        for index, entry in enumerate(servers_of(environment)):
            server = _server((*own, "servers", index), entry)
            root = server.folder("root") if server else ""
            if server is None or not root:
                continue
            yield from _in_the_way(server, root, roots)
            yield from _no_link(server, (*own, "links"), environment.get("links"), root)
            yield from _no_link(server, (*server.place, "links"), entry.get("links"), root)
            roots.setdefault((server.machine, root), server)
            given = "current" in entry
            linked = server if given else server._replace(entry={**entry, "current": environment.get("current")})
            link = linked.folder("current") if str(linked.entry.get("current")).startswith("/") else ""
            place: Place = (*server.place, "current") if given else (*own, "current")
            if not link:
                continue
            other = links.setdefault((server.machine, link), root)
            if other != root:
                yield place, f"is the link of {other} on {entry['host']} already: one link is for one deploy root", ""
            elif (
                root == link
                or root.startswith(f"{link}/")
                or link.startswith(tuple(f"{root}/{part}" for part in values.OURS))
            ):
                yield place, f"cannot be a link there: the deploy root is {root}", 'current = "live", or a path outside'


def _no_link(server: _Server, place: Place, links: Any, root: str) -> Iterator[Broken]:
    """Why one of `links` can lead into no release: the deploy root is that very folder, or lies in it."""
    for index, text in texts(links):
        link = server._replace(entry={"link": text}).folder("link")
        if link and (root == link or root.startswith(f"{link}/")):
            where = "is that folder" if root == link else "lies in it"
            message = f"is no link into releases/: the deploy root {root} {where}"
            yield (*place, index), message, "name links that lead into a release, or leave it out"


def _in_the_way(server: _Server, root: str, others: Mapping[tuple[object, str], _Server]) -> Iterator[Broken]:
    for (machine, folder), other in others.items():
        if machine != server.machine or (other.place[:2] == server.place[:2] and folder == root):
            continue  # in one environment it is said there
        if folder == root:
            message = f"is the deploy root of {other.called} too: a root is for one environment"
        elif root.startswith(f"{folder}/"):
            message = f"lies inside the deploy root of {other.called}, {folder}"
        elif folder.startswith(f"{root}/"):
            message = f"holds the deploy root of {other.called}, {folder}"
        else:
            continue
        yield (*server.place, "root"), message, "name a folder for this environment alone"
        return


def _server(place: Place, entry: Any) -> _Server | None:
    """A server of the file; None where it does not say which machine it is."""
    host = entry.get("host") if isinstance(entry, dict) else None
    if not isinstance(host, str):
        return None
    called = f"{place[1]}, {entry.get('name')}" if place else ""
    return _Server(place, entry, called, machine_of(entry))


def machine_of(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    """What makes the machine of a server that has a `host` the same as another's."""
    host = entry["host"].rpartition("@")[2].lower()
    return host, str(entry.get("port") or 22), str(entry.get("gateway") or "")
