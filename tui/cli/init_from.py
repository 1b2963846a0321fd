"""`turnout init --from TOOL [PATH]`: asks another tool for its settings, and carries over what has a place here."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from core.adoption.settings import Found
    from core.config import Server

WITHIN = 60.0
"""Seconds for the tool's answer."""
LARGEST = 8 << 20
"""Bytes of its answer."""


class Carried(Struct, frozen=True):
    """What goes into the file: servers, and values by their keys; `left` are comments at its end."""

    servers: tuple[Server, ...]
    keep: int
    shared: tuple[str, ...]
    ref: str
    current: str
    left: tuple[str, ...]


def carried(words: Sequence[str], stage: str, folder: Path) -> Carried:
    """What a tool's answer gives. UsageError where it cannot be asked, says nothing useful, or says what cannot be."""
    from core.adoption.settings import ASKED
    from core.config import values
    from core.errors import UsageError

    tool, *more = words
    if tool not in ASKED or len(more) > 1:
        raise UsageError(f"{values.shown(tool)} is not a tool that can be asked", hint=f"one of {', '.join(ASKED)}")
    asking = ASKED[tool]
    place = Path(more[0]) if more else folder
    command = [stage if word == "STAGE" else word for word in asking.command]
    text = _read(place) if place.is_file() else _asked(tool, command, place)
    try:
        found = asking.read(text, stage)
    except ValueError as error:
        hint = "is --environment what the tool calls it?"
        raise UsageError(f"what {tool} says cannot be used: {error}", hint=hint) from None
    return Carried(_servers(found), found.keep, found.shared, found.ref, found.current, found.left)


def _read(file: Path) -> str:
    from core.errors import UsageError

    try:
        with file.open("rb") as stream:
            return stream.read(LARGEST).decode("utf-8", "replace")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None


def _asked(tool: str, command: Sequence[str], folder: Path) -> str:
    """What the tool prints; it runs in the project's own folder, as it does when it deploys."""
    import shlex

    from core.errors import UsageError

    shown = shlex.join(command)
    elsewhere = f"where it runs: {shown} > settings.txt; then here: turnout init --from {tool} settings.txt"
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=WITHIN)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        raise UsageError(f"{tool} cannot be asked in {folder}: {command[0]} is not here", hint=elsewhere) from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{tool} gave no answer within {WITHIN:.0f} s", hint=elsewhere) from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()[-5:]
        raise UsageError(f"{shown} ended with status {done.returncode}", detail="\n".join(said), hint=elsewhere)
    return done.stdout[:LARGEST].decode("utf-8", "replace")


def _servers(found: Found) -> tuple[Server, ...]:
    """Each with a name of its own. UsageError for what cannot be a server of Turnout's."""
    import re

    from core.config import Server, values
    from core.errors import UsageError

    servers: list[Server] = []
    for place in found.servers:
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", place.host.split(".")[0]).strip("-._") or "server"
        taken = {server.name for server in servers}
        number = 2
        free = name
        while free in taken:
            free, number = f"{name}-{number}", number + 1
        try:
            host = values.host(f"{place.user}@{place.host}" if place.user else place.host)
            root = values.root(place.root)
            servers.append(Server(name=values.name(free), host=host, root=root, port=place.port or None))
        except ValueError as error:
            raise UsageError(f"the server {values.shown(place.host)} cannot be carried over: {error}") from None
    return tuple(servers)


def with_carried(text: str, made: Carried, tool: str, *, revisions: bool) -> str:
    """The file with what was carried over, and with comments that name what was not.

    revisions   whether its source has any: `ref` is only for those
    """
    from core.text import clean

    lines = text.splitlines()
    left = list(made.left)
    if made.shared:
        listed = ", ".join(_quoted(path) for path in made.shared)
        lines[lines.index('# shared = ["storage/", ".env"]')] = f"shared = [{listed}]"
    if made.ref and revisions:
        lines = [line for line in lines if not line.startswith("# ref = ")]
        lines.insert(lines.index("[source]") + 2, f"ref = {_quoted(made.ref)}")
    elif made.ref:
        left.append(f"the branch {made.ref}: the source here has no revisions")
    if made.current:
        lines.insert(lines.index("servers = ["), f"current = {_quoted(made.current)}")
    said = ["", f"# Not carried over from {tool}: look at each. docs/migrating.md says what has a place here."]
    comments = [f"#   {clean(each, 200)}".replace("\n", " ") for each in left]
    return "\n".join([*lines, *said, *comments]) + "\n"


def _quoted(text: str) -> str:
    """A TOML text, with `${` kept from being taken for a variable."""
    import tomli_w

    return tomli_w.dumps({"a": text.replace("${", "$${")}).removeprefix("a = ").removesuffix("\n")
