"""Which TURNOUT_* variables the commands of turnout.toml ask for, and whether they are told them (pure).

What a shell does cannot be known from its text: only what is certain to be empty, or is near to a known name, is a
fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from core.config.placing import listed, texts
from core.config.table import Broken, Place
from core.moments import BUILD, OPERATOR

_PREFIX = "TURNOUT_"
_ASKED = re.compile(r"\$(?:(TURNOUT_\w+)|\{(TURNOUT_\w+)\})", re.ASCII)
_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*"|(?:^|(?<=[\s;&|()]))#[^\n]*""", re.DOTALL)
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_COMMAND = r"(?:^|[;&|({`\n\"!]|\b(?:if|then|else|elif|while|until|do|command|builtin)\s)\s*"
_OPEN = re.compile(
    rf"{_COMMAND}(?:(?:\.|source|eval|case|test|\[\[?)\s"
    rf"|(?:export|declare|typeset|readonly|local|env)\s+(?:-\S+\s+)*\"?[$`])|<<"
)
"""A command that gets names from elsewhere (a file that is sourced), looks whether they are empty, or has a text in it
that is quoted in another way.
"""
_OF_BUILDS = ("TURNOUT_PROJECT", "TURNOUT_ENVIRONMENT", "TURNOUT_REVISION", "TURNOUT_REF")
"""What core.source.build tells: a build can become several releases on any servers."""
_NEAR = 0.8
"""How like a known name another one is that was meant to be it, without their common beginning: SEVER and SERVER."""


def asked(text: object) -> tuple[str, ...]:
    """The TURNOUT_* variables that a command can only have from Turnout, and needs: it names them as `$NAME` or
    `${NAME}` outside of quotes and comments, names them nowhere else (`for NAME in`, `read NAME`, `${NAME:-1}`), and
    tests nothing. In their order; () for what is no command.
    """
    if not isinstance(text, str) or _PREFIX not in text or _OPEN.search(text):
        return ()
    names = dict.fromkeys(first or second for first, second in _ASKED.findall(_QUOTED.sub(_expanded, text)))
    rest = _ASKED.sub(" ", text)
    return tuple(name for name in names if not re.search(rf"\b{name}\b", rest))


def _expanded(quoted: re.Match[str]) -> str:
    """What a shell looks for variables in, of a text in quotes or a comment: `"$(awk '$X')"` is not taken apart."""
    text = quoted[0]
    return _ESCAPED.sub(" ", text) if text.startswith('"') and "'" not in text else " "


def told(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that commands ask only for variables that they are told: another one is empty. Of the whole file."""
    source = table.get("source")
    passed = tuple(name for _, name in texts(source.get("build-env") if isinstance(source, dict) else None))
    for index, text in enumerate(listed(source, "build")):
        yield from _of_build(("source", "build", index), text, passed)
    for key in ("hooks", "checks", "tasks"):
        for index, entry in enumerate(listed(table, key)):
            if not isinstance(entry, dict):
                continue
            place = (key, index, "run")
            if entry.get("on") == BUILD.name:
                yield from _of_build(place, entry.get("run"), passed)
            else:
                yield from _of_command(place, entry.get("run"), operator=entry.get("where") == OPERATOR)


def _of_build(place: Place, text: object, passed: tuple[str, ...]) -> Iterator[Broken]:
    """What a build asks for that others are told; `passed`: the names and patterns of `build-env`."""
    for name in asked(text):
        given = any(name == each or (each.endswith("*") and name.startswith(each[:-1])) for each in passed)
        if not given and name not in _OF_BUILDS and (name in _known() or _meant(name)):
            yield place, f"${name} is not known to a build", f"known: {', '.join(_OF_BUILDS)}"


def _of_command(place: Place, text: object, *, operator: bool) -> Iterator[Broken]:
    """What a command asks for that it is not told."""
    for name in asked(text):
        from core.variables import ON_A_SERVER  # few commands ask for any

        where = _known().get(name)
        if where is None:
            close = "" if operator else _meant(name)  # there commands also have what Turnout itself was started with
            if close:
                yield place, f"there is no variable ${name}", f"did you mean ${close}?"
        elif operator and where.startswith(ON_A_SERVER):
            hint = "$TURNOUT_SERVERS has all of them" if name == "TURNOUT_SERVER" else "leave `where` out"
            yield place, f"${name} is known on servers only, and this runs on the operator's machine", hint


def _known() -> Mapping[str, str]:
    """Where each variable is set."""
    from core import variables

    return {variable.name: variable.where for variable in variables.VARIABLES}


def _meant(name: str) -> str:
    """The variable that was certainly meant; "" for a name that may be somebody's own, as all with a digit are."""
    if any(character.isdigit() for character in name):
        return ""
    import difflib  # only where a name is not known

    ends = [each.removeprefix(_PREFIX) for each in _known()]
    close = difflib.get_close_matches(name.removeprefix(_PREFIX).upper(), ends, n=1, cutoff=_NEAR)
    return _PREFIX + close[0] if close else ""
