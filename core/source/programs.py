"""Programs that a command may run: which file each one is, and what changes with its version."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

VERSION_SECONDS = 10.0
"""How long a program may take to say its version."""

_WORD = re.compile(r"[A-Za-z0-9_./+@~-]+")
_WRITTEN = re.compile(rf">[>|]?\s*[\"']?({_WORD.pattern})")
_SMALL = 64 << 10
"""Bytes. Programs up to this size (scripts, shims) are identified by content, larger ones by size and mtime."""
_DEEPEST = 3
"""Interpreters of interpreters that are followed."""
_SHIMS = ("/shims/", "/.cargo/bin/", "/.volta/bin/", "/aquaproj-aqua/bin/")
"""Where version managers (asdf, mise, pyenv, rbenv, nodenv; rustup; volta; aqua) keep what they put in the place of a
program."""


def programs(
    commands: Iterable[str], declared: Iterable[str], seen: Mapping[str, str], folder: Path
) -> dict[str, list[str]]:
    """What identifies each program that the commands name, or that is declared, by name.

    Each word of a command that is a program in PATH counts: only the shell can say whether it runs it; and so does the
    whole path of a file that the commands do not write, such as a script that a program is given. A program is
    identified by its file, a script also by its interpreter. The declared ones are asked for their version in `folder`,
    and so are the shims of version managers, which are the same file for every version; `seen` are the variables that
    they see.
    """
    path, home = seen.get("PATH", os.defpath), seen.get("HOME", "")
    commands, asked = list(commands), set(declared)
    written = {word for command in commands for word in _WRITTEN.findall(command)}
    identities: dict[str, list[str]] = {}
    for name in sorted({word for command in commands for word in _WORD.findall(command)} | asked):
        place = home + name[1:] if name.startswith("~/") else name
        if "/" in place and not place.startswith("/"):
            continue  # a file of the tree: the revision identifies it
        program = shutil.which(place, path=path)
        if program is not None:
            identities[name] = list(_identity(program, path, folder, seen, asked=name in asked))
        elif place.startswith("/") and name not in written and os.path.isfile(place):
            identities[name] = list(_identity(place, path, folder, seen))  # a script for another program
        elif name in asked:
            identities[name] = ["absent"]
    return identities


def _identity(
    program: str, path: str, folder: Path, seen: Mapping[str, str], *, asked: bool = False, depth: int = 0
) -> Iterator[str]:
    """What changes when a program does, then the same of its interpreter; `asked`: its version, too."""
    if asked or any(shims in program for shims in _SHIMS):
        yield _version(program, folder, seen)
    try:
        real = os.path.realpath(program)
        facts = os.stat(real)
        content = Path(real).read_bytes() if facts.st_size <= _SMALL else b""
    except OSError:
        yield f"{program} cannot be read"
        return
    if not content:
        yield f"{real} {facts.st_size} {facts.st_mtime_ns}"
        return
    yield f"{real} {hashlib.sha256(content).hexdigest()}"
    first, _, _ = content.partition(b"\n")
    if first.startswith(b"#!") and depth < _DEEPEST:
        words = os.fsdecode(first[2:]).split()
        if words and os.path.basename(words[0]) == "env":
            words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        interpreter = shutil.which(words[0], path=path) if words else None
        if interpreter:
            yield from _identity(interpreter, path, folder, seen, depth=depth + 1)


def _version(program: str, folder: Path, seen: Mapping[str, str]) -> str:
    """The answer of a program to `--version`, or `no answer` where none comes in time."""
    try:
        done = subprocess.run(
            [program, "--version"],
            cwd=folder,
            env=dict(seen),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "no answer"
    return f"{done.returncode} {done.stdout[:4000].decode('utf-8', 'replace')}"
