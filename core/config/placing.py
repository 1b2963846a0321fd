"""`roles` and `environments` of turnout.toml: to which servers a log, a hook or a check applies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from core.config import values
from core.config.fault_text import meant
from core.config.table import Broken, Table
from core.config.types import Name

PLACED = ("logs", "hooks", "checks", "notify", "tasks")
"""The lists of the file whose tables may name roles and environments."""


class HasRoles(Protocol):
    """A server, of which its roles count."""

    @property
    def roles(self) -> Sequence[str]: ...


class Placed(Table):
    """A table that applies only to some servers."""

    roles: tuple[Name, ...] = ()
    """Only on servers that have one of these roles; empty for all."""
    environments: tuple[Name, ...] = ()
    """Only in these environments; empty for all."""

    def concerns(self, server: HasRoles) -> bool:
        """Whether it applies to a server, by the server's roles."""
        return not self.roles or not set(self.roles).isdisjoint(server.roles)

    def applies_in(self, environment: str) -> bool:
        """Whether it applies in an environment."""
        return not self.environments or environment in self.environments


def texts(value: Any) -> Iterator[tuple[int, str]]:
    """The texts of a list of the file, with their places; nothing where it is none."""
    for index, item in enumerate(value if isinstance(value, list | tuple) else ()):
        if isinstance(item, str):
            yield index, item


def listed(table: Any, key: str) -> Sequence[Any]:
    """The list that a table of the file has under a key; nothing where it is none."""
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, list | tuple) else ()


def servers_of(environment: Mapping[str, Any]) -> list[Any]:
    """The servers of an environment as in the file; those that were made in code become tables of what they set."""
    return [
        {key: value for key, value in msgspec.structs.asdict(server).items() if value}
        if isinstance(server, Table)
        else server
        for server in listed(environment, "servers")
    ]


def named_once(table: Mapping[str, Any], key: str) -> Iterator[Broken]:
    """The rule that each table of a list has a name of its own."""
    seen: dict[str, int] = {}
    for index, entry in enumerate(listed(table, key)):
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and seen.setdefault(name, index) != index:
            yield (key, index, "name"), f"{values.shown(name)} is already the name of {key}[{seen[name]}]", ""


def environments_of(table: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The environments of a file by name, as far as they are tables."""
    known = table.get("environments")
    return {name: each for name, each in known.items() if isinstance(each, dict)} if isinstance(known, dict) else {}


def reached(entry: Mapping[str, Any], environments: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The environments in which a table applies to some server. A role or environment that does not exist, which is
    said elsewhere, counts as all.
    """
    named = {name for _, name in texts(entry.get("environments"))} & environments.keys()
    wanted = {role for _, role in texts(entry.get("roles"))}
    roles = {name: _roles(environment) for name, environment in environments.items()}
    if not wanted & {role for there in roles.values() for role in there}:
        wanted = set()
    return [name for name in environments if name in (named or environments) and (not wanted or wanted & roles[name])]


def known_places(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that tables name only environments that there are, and roles that a server there has."""
    environments = table.get("environments")
    known = environments if isinstance(environments, dict) else {}
    roles = {name: _roles(environment) for name, environment in known.items()}
    for key in PLACED:
        for index, entry in enumerate(listed(table, key)):
            if not isinstance(entry, dict):
                continue
            yield from _unknown((key, index, "environments"), "environment", entry, known)
            everywhere = {role for there in roles.values() for role in there}
            yield from _unknown((key, index, "roles"), "role", entry, everywhere)
            named = [name for _, name in texts(entry.get("environments")) if name in roles]
            wanted = {role for _, role in texts(entry.get("roles"))} & everywhere
            if wanted and named and not any(wanted & roles[name] for name in named):
                said = " or ".join(sorted(wanted))
                yield (key, index, "roles"), f"no server of {' and '.join(named)} has the role {said}", ""


def _roles(environment: Any) -> set[str]:
    """The roles that servers of an environment have."""
    return {
        role
        for server in listed(environment, "servers")
        for _, role in texts(server.get("roles") if isinstance(server, dict) else None)
    }


def _unknown(place: tuple[str | int, ...], noun: str, entry: Mapping[str, Any], known: Any) -> Iterator[Broken]:
    for index, text in texts(entry.get(str(place[-1]))):
        if text not in known:
            yield (*place, index), f"there is no {noun} {values.shown(text)}", meant(text, known)
