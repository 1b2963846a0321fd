"""`turnout init`: a commented turnout.toml from flags or answers, never over an existing file."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from msgspec.structs import replace

from core.text import either
from tui.cli.init_text import Answers, render, source_kinds

if TYPE_CHECKING:
    from core.config import Server

T = TypeVar("T")

SERVER_FORM = "NAME=USER@HOST:PORT/ROOT"
_EXAMPLE = "web1=deploy@web1.example.com/srv/shop"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `turnout init`."""
    parser.add_argument("--project", metavar="NAME", help="the application's name (default: the folder's name)")
    sources = parser.add_mutually_exclusive_group()
    for key, source in source_kinds().items():
        sources.add_argument(f"--{key}", metavar=source.introduction.takes, help=source.introduction.flag)
    parser.add_argument("--environment", metavar="NAME", help="the environment's name (default: production)")
    parser.add_argument(
        "--server",
        dest="servers",
        metavar=SERVER_FORM,
        action="append",
        help=f"a server, for example {_EXAMPLE}; USER@ and :PORT may be left out (may be repeated)",
    )
    parser.add_argument("--keep", metavar="N", type=int, help="releases to keep on each server (default: 10)")
    parser.add_argument(
        "--from",
        dest="source_tool",
        nargs="+",
        metavar=("TOOL", "PATH"),
        help="carry over what capistrano, deployer, ansistrano, mina or shipit says of itself; PATH: its project's "
        "folder, or a file with what it printed",
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing; use the default for each flag that is missing")


def run(
    args: argparse.Namespace, stdin: TextIO | None = None, stdout: TextIO | None = None, folder: Path | None = None
) -> int:
    """Write the file from the flags, and from answers where `stdin` is a terminal; the exit code."""
    from core.errors import TurnoutError
    from tui.cli.current_folder import current_folder
    from tui.cli.pages import error_lines
    from tui.cli.streams import Stream, stderr

    stdin, stdout = stdin or sys.stdin, stdout or sys.stdout
    named = getattr(args, "config", None)
    try:
        if named and Path(named).is_absolute():
            path = Path(named)
        else:
            path = (folder or current_folder()) / (named or "turnout.toml")
        answers = write(path, args, stdin, stdout)
    except TurnoutError as error:
        stderr().write(error_lines(error))
        return error.exit_code
    name = answers.environment
    steps = {
        f"turnout trust {name}": "shows host keys that are not in known_hosts yet, and records them",
        f"turnout doctor {name}": "checks the servers, and changes nothing",
        f"turnout deploy {name}": "shows the plan, asks, deploys",
    }
    cells = max(map(len, steps)) + 2
    Stream(stdout).write([f"wrote {path}", "next:", *(f"  {step:<{cells}}{what}" for step, what in steps.items())])
    return 0


def write(path: Path, args: argparse.Namespace, stdin: TextIO, stdout: TextIO) -> Answers:
    """Make the file and give the answers in it. UsageError with no file touched where one exists or a flag is wrong."""
    from core.config import parse
    from core.errors import UsageError
    from core.settings import Settings

    if os.path.lexists(path):
        raise _exists(path)
    answers = _from_flags(args, path.parent)
    carried_over = None
    if args.source_tool:
        from tui.cli.init_from import carried, with_carried

        carried_over = carried(args.source_tool, answers.environment, path.parent)
        keep = answers.keep if args.keep is not None else carried_over.keep or answers.keep
        answers = replace(answers, servers=answers.servers or carried_over.servers, keep=keep)
    elif stdin.isatty() and not args.yes:
        answers = _from_person(args, answers, path.parent, _Dialogue(stdin, stdout))
    if not answers.servers:
        raise UsageError("no server is given", hint=f"add --server {_EXAMPLE}, or run `turnout init` on a terminal")
    fits = answers.place == "." and answers.source in ("git", "directory") and carried_over is None
    text = render(answers, path.parent if fits else None)
    if carried_over:
        text = with_carried(text, carried_over, args.source_tool[0], revisions=answers.source == "git")
    parse(text, path, Settings(environ={}))
    try:
        file = open(path, "x", encoding="utf-8")  # noqa: SIM115 - closed below, apart from what opening it may raise
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    try:
        with file:
            file.write(text)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="no file was left") from None
    return answers


def parse_server(text: str) -> Server:
    """A server written as NAME=USER@HOST:PORT/ROOT. ValueError says what is wrong."""
    from core.config import Server, values

    name, equals, rest = text.partition("=")
    destination, slash, root = rest.partition("/")
    if not equals or not slash:
        raise ValueError(f"{values.shown(text)} is not {SERVER_FORM}, for example {_EXAMPLE}")
    host, port = _destination(destination)
    return Server(name=values.name(name), host=host, port=port, root=values.root("/" + root))


def _destination(text: str) -> tuple[str, int | None]:
    """Host, with its user, and port of `user@host:port`; an IPv6 address with a port is written in brackets."""
    from core.config import values

    login, at, address = text.rpartition("@")
    match = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", address) or re.fullmatch(r"([^:]*)(?::([^:]*))?", address)
    host, port = (match[1], match[2]) if match else (address, "")
    if port and not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
        raise ValueError(f"{values.shown(port)} is not a port: a number from 1 to 65535")
    return values.host(login + at + host), int(port) if port else None


def _from_flags(args: argparse.Namespace, folder: Path) -> Answers:
    """Answers from flags and defaults. UsageError with every flag that is wrong."""
    from core.config import KINDS, values
    from core.errors import UsageError

    faults: list[str] = []

    def checked(flag: str, check: Callable[[str], T], text: str) -> T | None:
        try:
            return _checked(check, text)
        except ValueError as error:
            faults.append(f"{flag}: {error}")
            return None

    source, place = _source_of_flags(args) or _default_source(folder)
    answers = Answers(
        project=checked("--project", values.name, args.project or _default_name(folder)) or "",
        source=source,
        place=checked(f"--{source}", KINDS[source].check, place) or "",
        environment=checked("--environment", values.name, args.environment or "production") or "",
        servers=tuple(s for text in args.servers or () if (s := checked("--server", parse_server, text))),
        keep=checked("--keep", _count, str(10 if args.keep is None else args.keep)) or 0,
    )
    if faults:
        raise UsageError("no file was written: a flag is wrong", detail="\n".join(faults))
    return answers


def _from_person(args: argparse.Namespace, default: Answers, folder: Path, person: _Dialogue) -> Answers:
    """The answers to what no flag has given; `default` is what flags and defaults make."""
    from core.config import KINDS, values

    person.say("This writes a turnout.toml. Enter takes the value in brackets; ctrl+c quits without writing it.")
    project = default.project if args.project else person.ask("Name of the project", values.name, default.project)
    source, place = default.source, default.place
    if not _source_of_flags(args):
        *most, last = (offered.introduction.answer for offered in source_kinds().values())
        source = person.ask(f"Deploy from {', '.join(most)}, or {last}", _source_kind, default.source)
        chosen = source_kinds()[source]
        proposed = chosen.proposed(folder) or "."
        place = person.ask(chosen.introduction.question, KINDS[source].check, proposed)
    environment = args.environment or person.ask("Name of the environment", values.name, default.environment)
    servers = default.servers or _servers_from_person(person, project)
    keep = default.keep if args.keep is not None else person.ask("Releases to keep on each server", _count, "10")
    return Answers(project=project, source=source, place=place, environment=environment, servers=servers, keep=keep)


def _servers_from_person(person: _Dialogue, project: str) -> tuple[Server, ...]:
    from core.config import Server, values

    servers: list[Server] = []
    root = f"/srv/{project}"
    while True:
        if not servers:
            host, port = person.ask("SSH destination of the first server (user@host or user@host:port)", _destination)
        elif answer := person.ask("SSH destination of one more server (Enter: no more)", _destination_or_none, ""):
            host, port = answer
        else:
            return tuple(servers)
        root = person.ask("Its folder for this project", values.root, root)
        taken = [server.name for server in servers]

        def free_name(text: str, taken: Sequence[str] = taken) -> str:
            if text in taken:
                raise ValueError(f"{values.shown(text)} is already the name of another server")
            return values.name(text)

        name = person.ask("Its name on the screen", free_name, _free_name(host, taken))
        servers.append(Server(name=name, host=host, port=port, root=root))


class _Dialogue:
    """Questions on a terminal, each until its answer is a good one."""

    def __init__(self, stdin: TextIO, stdout: TextIO) -> None:
        self.stdin = stdin
        self.stdout = stdout

    def say(self, line: str) -> None:
        self.stdout.write(f"{line}\n")

    def ask(self, question: str, check: Callable[[str], T], default: str | None = None) -> T:
        """What `check` makes of the answer; its ValueError is shown, and the question asked again."""
        from core.errors import UsageError

        while True:
            self.stdout.write(f"{question} [{default}]: " if default else f"{question}: ")
            self.stdout.flush()
            line = self.stdin.readline()
            if not line:
                raise UsageError("the input ended; no file was written")
            try:
                return _checked(check, line.strip() or default or "")
            except ValueError as error:
                self.say(f"  {error}")


def _checked(check: Callable[[str], T], text: str) -> T:
    """What `check` makes of a text that a TOML file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8 text") from None
    return check(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise ValueError(f"{text} is not a number of releases: 1 or more")
    return int(text)


def _source_of_flags(args: argparse.Namespace) -> tuple[str, str] | None:
    """The source that a flag gives, by key and place; None where none does."""
    given = ((key, getattr(args, key)) for key in source_kinds())
    # argparse makes an empty list of `--directory=--` (Python issue 59317).
    return next(((key, "--" if place == [] else place) for key, place in given if place is not None), None)


def _source_kind(text: str) -> str:
    kinds = tuple(source_kinds())
    kind = next((kind for kind in kinds if text and kind.startswith(text.lower())), "")
    if not kind:
        raise ValueError(f"answer {either(kinds)}")
    return kind


def _destination_or_none(text: str) -> tuple[str, int | None] | None:
    return _destination(text) if text else None


def _default_source(folder: Path) -> tuple[str, str]:
    """The first kind that fits the folder, and the place that it proposes."""
    proposals = ((key, source.proposed(folder)) for key, source in source_kinds().items())
    return next((key, place) for key, place in proposals if place)


def _default_name(folder: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.name).strip("-._")[:64] or "app"


def _free_name(host: str, taken: Sequence[str]) -> str:
    """A name that no other server has, from the host's own: `web1` of `deploy@web1.example.com`."""
    first = host.rpartition("@")[2].partition(".")[0]
    wanted = first if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", first) else f"web{len(taken) + 1}"
    return next(name for name in (wanted, *(f"{wanted}-{number}" for number in range(2, 1000))) if name not in taken)


def _exists(path: Path) -> Exception:
    from core.errors import UsageError

    return UsageError(f"{path} already exists", hint="it was not changed: edit it, or move it away first")
