"""Which TURNOUT_* variables the commands of turnout.toml ask for, and whether they are told them (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from core.config.fault_text import nearest
from core.config.placing import listed
from core.config.table import Broken, Place
from core.moments import BUILD, OPERATOR

_ASKED = re.compile(r"\$(?:(TURNOUT_[A-Z_]+)|\{(TURNOUT_[A-Z_]+)\})")
_OF_BUILDS = ("TURNOUT_PROJECT", "TURNOUT_ENVIRONMENT", "TURNOUT_REVISION", "TURNOUT_REF")
"""What core.source.build tells: a build can become several releases on any servers."""


def told(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that commands ask only for variables that they are told: another one is empty. Of the whole file."""
    source = table.get("source")
    for index, text in enumerate(listed(source, "build")):
        yield from _asked(("source", "build", index), text, builds=True)
    for key in ("hooks", "checks", "tasks"):
        for index, entry in enumerate(listed(table, key)):
            if not isinstance(entry, dict):
                continue
            builds, operator = entry.get("on") == BUILD.name, entry.get("where") == OPERATOR
            yield from _asked((key, index, "run"), entry.get("run"), builds=builds, operator=operator)


def _asked(place: Place, text: object, *, builds: bool = False, operator: bool = False) -> Iterator[Broken]:
    """What a command asks for that it is not told."""
    if not isinstance(text, str) or "$" not in text:
        return
    for name in dict.fromkeys(first or second for first, second in _ASKED.findall(text)):
        if re.search(rf"\b{name}=", text):
            continue
        from core import variables  # few commands ask for any

        known = {variable.name: variable.where for variable in variables.VARIABLES}
        if builds and name not in _OF_BUILDS:
            yield place, f"${name} is not known to a build", f"known: {', '.join(_OF_BUILDS)}"
        elif name not in known:
            if not operator:  # there commands also have what Turnout itself was started with
                close = nearest(name, [each.lower() for each in known]).upper()
                yield place, f"there is no variable ${name}", f"did you mean ${close}?" if close else ""
        elif operator and known[name].startswith(variables.ON_A_SERVER):
            hint = "$TURNOUT_SERVERS has all of them" if name == "TURNOUT_SERVER" else "leave `where` out"
            yield place, f"${name} is known on servers only, and this runs on the operator's machine", hint
