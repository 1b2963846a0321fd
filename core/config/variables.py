"""`variables` of turnout.toml: what builds, hooks and checks find in their environment beside TURNOUT_*."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from core.config.readers import Check
from core.config.values import shown

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS = "TURNOUT_"
_LOGIN = ("PATH", "HOME", "PWD", "OLDPWD", "SHELL", "USER", "LOGNAME", "UID", "EUID", "PPID")
_SHELLS = frozenset((*_LOGIN, "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS"))
"""Variables by which a shell or its login works: with another value a command may not be found, or another one is."""


def variables(value: Mapping[str, str]) -> Mapping[str, str]:
    """Variables by name. ValueError for names that no shell takes, and for those that have a meaning already."""
    for name, content in value.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{shown(name)} is not the name of a variable, such as API_URL")
        if name.startswith(_OURS):
            raise ValueError(f"{name} is set by Turnout: names that begin with {_OURS} are its own")
        if name in _SHELLS:
            raise ValueError(f"{name} has a meaning for the shell that runs the commands: choose another name")
        if "\0" in content:
            raise ValueError(f"{name} must not contain a zero byte: no program can be given one")
    return value


Variables = Annotated[dict[str, str], Check(variables)]
