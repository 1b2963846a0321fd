"""OpenSSH's own answer, `ssh -G`: what it says of a destination, and how long that may be kept."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from core.errors import ConnectError
from core.files import write_whole
from core.process import collect
from core.sshconfig.keywords import KEPT, SEVERAL
from core.sshconfig.options import Target

ANSWER_WITHIN = 20.0
"""Seconds for an answer: `Match exec` runs commands, CanonicalizeHostname looks names up."""


class NotOpenSSH(Exception):
    """A program `ssh` that does not know `-G`: dropbear's, for one."""


Values = dict[str, tuple[str, ...]]
ALWAYS = frozenset({"hostname", "port", "user"})
"""What every answer has; less is not an answer, and must not be taken for an empty configuration."""


def program(environ: Mapping[str, str]) -> str:
    """The path of ssh; "" where there is none."""
    for folder in os.get_exec_path(dict(environ)):
        path = os.path.join(folder, "ssh")
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return ""


def words_for(target: Target, *, with_command: bool = True) -> list[str]:
    """The options for a target on ssh's command line, where they take precedence over every file.

    with_command  that there is a command, because that is what Turnout runs: `Match sessiontype` asks
    """
    words = ["-T"]  # else it says that it has no terminal
    if target.user:
        words += ["-l", target.user]
    if target.port:
        words += ["-p", str(target.port)]
    if target.jump:
        words += ["-J", target.jump]
    if not with_command:
        return [*words, "--", target.host]
    # ssh refuses a command together with a RemoteCommand.
    return [*words, "-o", "RemoteCommand=none", "--", target.host, "sh"]


def ask(ssh: str, file: Sequence[str], words: Sequence[str], environ: Mapping[str, str]) -> Values:
    """What `ssh -G` prints, by keyword. `file`: () or `-F` with a file. ConnectError where it prints none."""
    try:
        process = subprocess.Popen(
            [ssh, "-G", *file, *words],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = collect(process, ANSWER_WITHIN)
    except TimeoutError:
        raise ConnectError(
            f"ssh gave no answer within {ANSWER_WITHIN:.0f} s about its configuration",
            hint="does a command of `Match exec` hang? `ssh -G HOST` shows it",
        ) from None
    except OSError as error:
        raise ConnectError(f"{ssh} cannot be run", detail=error.strerror or str(error)) from None
    if process.returncode != 0:
        said = err.decode("utf-8", "backslashreplace").strip()
        raise ConnectError("ssh cannot read its configuration", detail=said, hint="`ssh -G HOST` says the same")
    values = parse(out.decode("utf-8", "surrogateescape"))
    if not values.keys() >= ALWAYS:
        raise ConnectError(f"{ssh} did not print its configuration", hint="`ssh -G HOST` should print it")
    return values


def parse(text: str) -> Values:
    """The lines of `ssh -G`; of each keyword what Turnout has a use for."""
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):
        name, _, value = line.partition(" ")
        name = name.lower()
        if name in KEPT and (name in SEVERAL or name not in found):
            found.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def is_script(ssh: str) -> bool:
    """Whether a program is a script: it may read more than ssh does, and hand on other words."""
    with open(ssh, "rb") as file:
        return file.read(2) == b"#!"


class Kept:
    """Answers of before, each in a file named after its question. What cannot be read or written is just asked again.

    digest  of all that an answer depends on; "" where nothing is kept
    """

    def __init__(self, folder: Path, digest: str) -> None:
        self._folder = folder
        self._digest = digest

    def get(self, name: str) -> Values | None:
        if not self._digest:
            return None
        try:
            kept = json.loads((self._folder / name).read_bytes())
            if kept["digest"] == self._digest:
                return {str(key): tuple(map(str, values)) for key, values in kept["values"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return None

    def put(self, name: str, values: Values) -> None:
        if not self._digest:
            return
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._folder / name, json.dumps({"digest": self._digest, "values": values}).encode())
