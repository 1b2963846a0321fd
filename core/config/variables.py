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
_OWN = frozenset(
    (
        *("_", "GID", "EGID", "SHLVL", "OPTIND", "LINENO", "RANDOM", "SRANDOM", "SECONDS", "EPOCHSECONDS"),
        *("EPOCHREALTIME", "GROUPS", "DIRSTACK", "FUNCNAME", "HISTCMD", "PIPESTATUS", "KSH_VERSION", "POSH_VERSION"),
        *("ARGV0", "TTYIDLE", "ZSH_EVAL_CONTEXT", "ZSH_SUBSHELL", "signals", "BASHPID", "BASH_SUBSHELL"),
        *("BASH_VERSINFO", "BASH_COMMAND", "BASH_ALIASES", "BASH_CMDS", "BASH_ARGC", "BASH_ARGV", "BASH_ARGV0"),
        *("BASH_LINENO", "BASH_SOURCE"),
    )
)
"""Variables that a shell sets itself. As /bin/sh, one of bash, dash, BusyBox, ksh93, mksh, posh and zsh ends where they
are exported, or its programs do not get the value; all were asked for each name that they know."""
_TRACE = "LD_TRACE_LOADED_OBJECTS"
"""With it, the loader of Linux lists libraries and runs no program."""


def variables(value: Mapping[str, str]) -> Mapping[str, str]:
    """Variables by name. ValueError for names that no shell takes, and for those that have a meaning already."""
    for name, content in value.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{shown(name)} is not the name of a variable, such as API_URL")
        if name.startswith(_OURS):
            raise ValueError(f"{name} is set by Turnout: names that begin with {_OURS} are its own")
        if name in _SHELLS:
            raise ValueError(f"{name} has a meaning for the shell that runs the commands: choose another name")
        if name in _OWN:
            raise ValueError(f"{name} is set by the shell that runs the commands: choose another name")
        if name == _TRACE:
            raise ValueError(f"{name} keeps programs from running: leave it out")
        if "\0" in content:
            raise ValueError(f"{name} must not contain a zero byte: no program can be given one")
    return value


Variables = Annotated[dict[str, str], Check(variables)]
