"""`slots` of turnout.toml: the ports of blue and green, and who uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from core.config import values
from core.config.check_values import PORT
from core.config.destinations import machine_of
from core.config.placing import environments_of, listed, reached, servers_of
from core.config.readers import Check
from core.config.table import Broken
from core.config.told import asked
from core.moments import BUILD, OPERATOR

_EXAMPLE = "slots = { blue = 8001, green = 8002 }"
_AUTHORITY = re.compile(r"[A-Za-z]+://([^/?#]*)")
SSH = 22
"""The port of sshd where turnout.toml names none."""
_OF_A_SLOT = ("TURNOUT_PORT", "TURNOUT_SLOT")


def ports(value: Mapping[str, int]) -> Mapping[str, int]:
    """Slots by name, with a port each. ValueError where they cannot take turns."""
    by_port: dict[int, str] = {}
    for name, port in value.items():
        values.name(name)
        if not 1 <= port <= 65535:
            raise ValueError(f"{name} = {port} is not a port: use 1 to 65535")
        if port in by_port:
            raise ValueError(f"{name} and {by_port[port]} have the same port {port}: both run at the same time")
        by_port[port] = name
    if len(value) == 1:
        raise ValueError("needs at least two slots, such as { blue = 8001, green = 8002 }")
    return value


Ports = Annotated[dict[str, int], Check(ports)]


def port_of_url(url: str) -> Iterator[Broken]:
    """The rule that {port} in a URL is all of its port: as a part of a name or number it makes another one."""
    authority = _AUTHORITY.match(url)
    if authority and PORT in authority[1].removesuffix(f":{PORT}"):
        yield ("http",), f"must have {PORT} as its whole port", 'http = "http://127.0.0.1:{port}/"'


def port_without_slots(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rules that {port} in a check stands for something wherever the check applies, that commands ask for the slot
    where there are any, and that something is told of slots.
    """
    known = environments_of(table)
    for index, check in enumerate(listed(table, "checks")):
        for key in ("http", "contains", "equals") if isinstance(check, dict) else ():
            if not isinstance(check.get(key), str) or PORT not in check[key]:
                continue
            for name in reached(check, known):
                if not known[name].get("slots"):
                    yield ("checks", index, key), f"has {PORT}, and the environment {name} has no slots", _EXAMPLE
    told: set[str] = set()
    for key in ("hooks", "checks", "tasks"):
        for index, entry in enumerate(listed(table, key)):
            if not isinstance(entry, dict):
                continue
            here = reached(entry, known)
            told.update(here if _is_told(key, entry) else ())
            used = [name for name in asked(entry.get("run")) if name in _OF_A_SLOT]
            if used and not any(known[name].get("slots") for name in here):
                message = f"uses ${used[0]}, and {' and '.join(here) or 'no environment'} has no slots"
                yield (key, index, "run"), message, _EXAMPLE
    for name, environment in known.items():
        if name not in told and _right(environment.get("slots")):
            message = "are told to nobody: no hook or check that runs on a server of this environment could use them"
            yield ("environments", name, "slots"), message, 'a hook that starts the release: on = "before-switch"'
    yield from _taken(known)


def _is_told(key: str, entry: Mapping[str, Any]) -> bool:
    """Whether a hook or check is told the slot, so that it could start, stop or ask a release: a command on servers,
    because whatever it runs may read the variables, or a URL with the port. Tasks are run by people.
    """
    command = "run" in entry and entry.get("where") != OPERATOR and entry.get("on") != BUILD.name
    return key != "tasks" and (command or PORT in str(entry.get("http")))


def _taken(environments: Mapping[str, Mapping[str, Any]]) -> Iterator[Broken]:
    """Ports that can never be free: SSH's own, and those that another environment of a machine needs as well."""
    used: dict[object, tuple[str, frozenset[int]]] = {}
    for name, environment in environments.items():
        slots = environment.get("slots")
        if not isinstance(slots, dict) or not _right(slots):
            continue
        said: set[object] = set()
        for server in servers_of(environment):
            if not isinstance(server, dict) or not isinstance(server.get("host"), str):
                continue
            for slot, port in slots.items():
                if port == (server.get("port") or SSH) and slot not in said:
                    said.add(slot)
                    message = f"is the port at which sshd of {server.get('name')} listens"
                    yield ("environments", name, "slots", slot), message, ""
            ports, machine = frozenset(slots.values()), machine_of(server)
            other, theirs = used.setdefault(machine, (name, ports))
            # What is live in both, and what is started beside that, need three ports.
            if other != name and other not in said and len(ports | theirs) < 3:
                said.add(other)
                message = f"are the ports of {other} on {server['host']} too: with both live none is free for a deploy"
                yield ("environments", name, "slots"), message, "other ports"


def _right(slots: object) -> bool:
    """Whether there are slots that can take turns; what is wrong with others is said already."""
    try:
        return bool(isinstance(slots, dict) and ports(slots))
    except (TypeError, ValueError):
        return False
