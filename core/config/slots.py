"""`slots` of turnout.toml: the ports of blue and green, and who uses them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from core.config import values
from core.config.check_values import PORT
from core.config.placing import listed, texts
from core.config.readers import Check
from core.config.table import Broken


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


def port_without_slots(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that {port} in a check's URL stands for something in each environment of the check."""
    environments = table.get("environments")
    known = environments if isinstance(environments, dict) else {}
    for index, check in enumerate(listed(table, "checks")):
        url = check.get("http") if isinstance(check, dict) else None
        if not isinstance(url, str) or PORT not in url:
            continue
        for name in dict(texts(check.get("environments"))).values() or known:
            environment = known.get(name)
            if isinstance(environment, dict) and not environment.get("slots"):
                hint = "slots = { blue = 8001, green = 8002 }"
                yield ("checks", index, "http"), f"has {{port}}, and the environment {name} has no slots", hint
