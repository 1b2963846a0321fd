"""`slots` of turnout.toml: the ports of blue and green, and who uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from core.config import values
from core.config.check_values import PORT
from core.config.placing import environments_of, listed, reached
from core.config.readers import Check
from core.config.table import Broken
from core.config.told import asked

_EXAMPLE = "slots = { blue = 8001, green = 8002 }"
_AUTHORITY = re.compile(r"[A-Za-z]+://([^/?#]*)")
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
            told.update(here if key != "tasks" else ())
            used = [name for name in asked(entry.get("run")) if name in _OF_A_SLOT]
            if used and not any(known[name].get("slots") for name in here):
                message = f"uses ${used[0]}, and {' and '.join(here) or 'no environment'} has no slots"
                yield (key, index, "run"), message, _EXAMPLE
    for name, environment in known.items():
        if name not in told and _right(environment.get("slots")):
            message = "are told to nobody: no hook and no check is for this environment"
            yield ("environments", name, "slots"), message, 'a hook that starts the release: on = "before-switch"'


def _right(slots: object) -> bool:
    """Whether there are slots that can take turns; what is wrong with others is said already."""
    try:
        return bool(isinstance(slots, dict) and ports(slots))
    except (TypeError, ValueError):
        return False
