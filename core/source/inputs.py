"""What a build depends on in addition to its revision: the variables that it sees, its programs, its settings.

A finished build is used again only where all of it is the same. A build sees the variables of PASSED and DECIDING,
those that `build-env` declares, TURNOUT_*, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence

from core.config import Project
from core.source.programs import programs
from core.version import VERSION

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
PASSED = frozenset(
    (
        *("HOME", "USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "TMP", "TEMP"),
        *(f"XDG_{kind}" for kind in ("CACHE_HOME", "CONFIG_HOME", "DATA_HOME", "STATE_HOME", "RUNTIME_DIR")),
        *("SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", *_PROXIES, *map(str.upper, _PROXIES)),
    )
)
"""Variables that say who builds, where, and how the network is reached; they are not part of a build's key."""

DECIDING = frozenset(("PATH", "LANG", "LANGUAGE", "TZ", "CI"))
"""Variables that decide the result of a build, as LC_* do: with other values it is a different build."""

_OF_ANOTHER_REPOSITORY = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_ATTR_SOURCE",
}
"""A git hook sets these for its own repository; with them every other call would read the wrong one."""


def environment(project: Project) -> dict[str, str]:
    """The variables that a build sees, but for TURNOUT_*."""
    environ = project.settings.environ
    passed = {name: value for name, value in environ.items() if name in PASSED or _decides(name)}
    return without_repository(passed | declared(project.source.build_env, environ))


def build_key(project: Project, variables: Mapping[str, str], commands: Sequence[str], surroundings: str) -> str:
    """The digest of all that makes this build of a commit differ from others.

    variables      the TURNOUT_* variables that it sees
    commands       what it runs, with `${…}` filled in
    surroundings   what the files depend on in addition to the commit, as a digest
    """
    source = project.source
    seen = environment(project)
    machine = os.uname()
    inputs = {
        "turnout": VERSION,
        "machine": [machine.sysname, machine.machine],
        "turnout variables": dict(variables),
        "project's variables": dict(project.variables),
        "commands": list(commands),
        "publish": source.publish,
        "exclude": list(source.exclude),
        "variables": {name: value for name, value in seen.items() if _decides(name)},
        "declared": [sorted(source.build_env), declared(source.build_env, seen)],
        "programs": programs(commands, source.build_tools, seen, project.folder),
        "surroundings": surroundings,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def without_repository(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that would make git read another repository than the one in its folder."""
    return {key: value for key, value in environ.items() if key not in _OF_ANOTHER_REPOSITORY}


def declared(names: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of these names, as far as they are set; a name with `*` at its end is all that begin so."""
    exact = {name for name in names if not name.endswith("*")}
    starts = tuple(name[:-1] for name in names if name.endswith("*"))
    return {name: value for name, value in environ.items() if name in exact or (starts and name.startswith(starts))}


def _decides(name: str) -> bool:
    return name in DECIDING or name.startswith("LC_")
