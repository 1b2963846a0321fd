"""The files that the configuration consists of: which they are, whether an answer may be kept, copies for ssh."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from core.errors import ConnectError
from core.files import open_file, read_rest
from core.sshconfig.words import keyword, split

SYSTEM = Path("/etc/ssh/ssh_config")
DEEPEST = 16
"""How deep files may include one another; readconf.c has the same."""
_FLEETING = {"exec", "localnetwork", "command"}
"""Criteria of `Match` whose answer is in no file."""
_DYNAMIC = re.compile(r"%[^%]|\$\{|\\")
"""What only ssh makes a path of; Python's glob knows no backslash."""
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class Source(Struct, frozen=True):
    """A file of the configuration. `own`: the person's, where `~` is known and other names start in ~/.ssh."""

    path: Path
    own: bool
    checked: bool
    """Whether the file is refused where others can write to it."""
    passed: tuple[type[OSError], ...] = (OSError,)
    """The errors for which it counts as empty."""


class Line(Struct, frozen=True):
    """A line of a file: its keyword in lower case ("" for none), the rest, and the line as written."""

    number: int
    name: str
    rest: str
    text: str


def sources(named: str, home: str) -> list[Source]:
    """The files that are read first, in order; `named` replaces all of them."""
    if named:
        none = named.lower() == "none"
        return [] if none else [Source(Path(named), own=True, checked=False, passed=(IsADirectoryError,))]
    return [Source(Path(home) / ".ssh/config", own=True, checked=True), Source(SYSTEM, own=False, checked=False)]


def lines(source: Source) -> list[Line]:
    """The lines of a file, as `_read` has them. ConnectError where others may write to it, too."""
    found, status = _read(source)
    if source.checked and status and (status.st_uid not in (0, os.getuid()) or status.st_mode & 0o022):
        raise _open_to_others(source)
    return found


def _read(source: Source) -> tuple[list[Line], os.stat_result | None]:
    """The lines of a file and whose it is; none where ssh takes it for empty. ConnectError where ssh ends instead."""
    try:
        with open_file(source.path) as file:
            status = os.fstat(file.fileno())
            texts = read_rest(file, source.path).decode("utf-8", "surrogateescape").split("\n")
    except source.passed:
        return [], None
    except OSError as error:
        raise ConnectError(
            f"the ssh_config {source.path} cannot be read", detail=error.strerror or str(error)
        ) from None
    return [Line(number, *keyword(text), text) for number, text in enumerate(texts, 1)], status


def _open_to_others(source: Source) -> ConnectError:
    return ConnectError(
        f"bad owner or permissions on {source.path}",
        detail="others could change whom you log in to; OpenSSH refuses such a file as well",
        hint=f"chown {os.getuid()} {source.path}; chmod go-w {source.path}",
    )


def included(line: Line, source: Source, home: str) -> list[Source] | None:
    """The files that an `Include` names now; None where only ssh can tell. ValueError as words.split."""
    found: list[Source] = []
    for pattern in split(line.rest):
        if _DYNAMIC.search(pattern):
            return None
        path = _anchored(pattern, source.own, home)
        found += [Source(Path(name), source.own, checked=True, passed=_NONE_THERE) for name in sorted(glob.glob(path))]
    return found


_NONE_THERE = (FileNotFoundError, IsADirectoryError)


def _anchored(pattern: str, own: bool, home: str) -> str:
    if pattern == "~" or pattern.startswith("~/"):
        return home + pattern[1:]
    if pattern.startswith("~"):
        return os.path.expanduser(pattern)
    if pattern.startswith("/"):
        return pattern
    return f"{home}/.ssh/{pattern}" if own else f"{SYSTEM.parent}/{pattern}"


def digest(first: list[Source], home: str, environ: Mapping[str, str], facts: list[str]) -> str:
    """What an answer of ssh depends on, as a digest: the contents of all files, variables, and `facts`.

    "" where it depends on more than these: names that are looked up, networks, commands.
    """
    total = hashlib.sha256()

    def add(*parts: object) -> None:
        for part in parts:
            raw = str(part).encode("utf-8", "surrogateescape")
            total.update(b"%d:" % len(raw) + raw)

    add(*facts, home)
    for source, read in _walk(first, home):
        try:
            status = os.stat(source.path)
            add(source.path, source.own, status.st_mode, status.st_uid)
        except OSError:
            add(source.path, "none")
        for line in read:
            if _depends(line):
                return ""
            add(line.text, *(environ.get(name, "\0") for name in _VARIABLE.findall(line.text)))
        add("end")
    return total.hexdigest()


def _walk(first: list[Source], home: str, depth: int = 0) -> Iterator[tuple[Source, list[Line]]]:
    for source in first:
        try:
            read, _ = _read(source)
        except ConnectError:
            read = []  # ssh says so
        yield source, read
        for line in read:
            if line.name == "include" and depth < DEEPEST:
                try:
                    yield from _walk(included(line, source, home) or [], home, depth + 1)
                except ValueError:
                    continue  # ssh says so


def _depends(line: Line) -> bool:
    """Whether a line makes an answer depend on what is in no file."""
    try:
        words = [word.lower() for word in split(line.rest)]
    except ValueError:
        return True
    if line.name == "match":
        return any(word.lstrip("!").partition("=")[0] in _FLEETING for word in words)
    if line.name == "include":
        return any(_DYNAMIC.search(word) for word in words)
    return line.name == "canonicalizehostname" and words[:1] not in (["no"], ["false"])


def _show(status: os.stat_result, copy: Path, source: Source) -> None:
    """Let ssh judge a copy as it would the original: a group of one person may write to it on some systems."""
    if status.st_uid not in (0, os.getuid()):
        raise _open_to_others(source)
    if status.st_mode & 0o022:
        try:
            os.chown(copy, -1, status.st_gid)
        except OSError:
            raise _open_to_others(source) from None
        copy.chmod(0o600 | status.st_mode & 0o022)


_COPIES = "turnout-ssh-"
"""How the names of folders with copies begin; then comes the process that made them, and what mkdtemp adds."""


_FORGOTTEN = 3600.0
"""Seconds for which copies are left alone: ssh answers within seconds."""


def copies() -> str:
    """How the name of a folder with copies of this process begins."""
    return f"{_COPIES}{os.getpid()}-"


def sweep(folder: Path) -> None:
    """Remove the copies that processes of ours left when they were killed.

    Neither age nor owner decides alone: the clock of who looks may be wrong, and a process of another container that
    shares the folder cannot be seen.
    """
    for path in folder.glob(f"{_COPIES}*-*"):
        owner = path.name.removeprefix(_COPIES).partition("-")[0]
        try:
            status = path.lstat()
            forgotten = status.st_uid == os.getuid() and time.time() - status.st_mtime > _FORGOTTEN
            if forgotten and owner.isdigit() and _gone(int(owner)):
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue


def _gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


_EXPANDED = {"userknownhostsfile", "identityagent"}
"""Keywords whose value `ssh -G` prints with `~` replaced, by the home of the user database."""


def rehomed(first: list[Source], home: str, folder: Path) -> tuple[Path, dict[str, Path]]:
    """Copies of all files in `folder` which ssh reads as if `home` were the home that it takes from the user database.

    Gives the file that includes them, and by copy the file that it is of; each line keeps its number.
    """
    copies: dict[str, Path] = {}

    def copy(source: Source, depth: int) -> Path:
        made = folder / f"{len(copies)}"
        copies[str(made)] = source.path
        found, status = _read(source)
        text = "\n".join(_moved(line, source, depth) for line in found)
        made.write_text(text, "utf-8", "surrogateescape")
        made.chmod(0o600)
        if source.checked and status:
            _show(status, made, source)
        return made

    def _moved(line: Line, source: Source, depth: int) -> str:
        if line.name == "include" and depth < DEEPEST:
            try:
                files = included(line, source, home)
            except ValueError:
                return line.text
            if files is None:
                paths = [_own(_anchored(pattern, source.own, home)) for pattern in split(line.rest)]
            else:
                paths = [str(copy(file, depth + 1)) for file in files]
            return "Include " + " ".join(f'"{path}"' for path in paths) if paths else "# no files"
        if line.name in _EXPANDED:
            return _own(re.sub(r'(?<![^\s"=])~(?=/)', lambda _: home, line.text))
        return line.text

    def _own(text: str) -> str:
        return re.sub(r"%.", lambda found: home.replace("%", "%%") if found[0] == "%d" else found[0], text)

    begin = [f'Include "{copy(source, 0)}"' for source in first]
    default = f'Match all\nUserKnownHostsFile "{home}/.ssh/known_hosts" "{home}/.ssh/known_hosts2"'
    start = folder / "config"
    start.write_text("\n".join([*begin, default, ""]), "utf-8", "surrogateescape")
    return start, copies
