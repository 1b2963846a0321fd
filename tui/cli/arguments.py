"""The words of the `turnout` command, and what they ask for."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from tui.cli.change_arguments import add_change_commands
from tui.cli.offline_arguments import add_offline_commands
from tui.cli.parsing import (
    EPILOG,
    BadUsage,
    Parser,
    add_command,
    add_config,
    add_environment,
    add_looks,
    add_reading,
    number,
)
from tui.cli.store_arguments import add_store_command
from tui.cli.task_arguments import add_task_commands, split

if TYPE_CHECKING:
    from core import Request


class Options(Struct, frozen=True, kw_only=True):
    """What the words of the command ask for. `command` is "" for the dashboard; `words` are argparse's own values.

    request   makes what the engine is asked for; None for a command that does not ask for an operation
    """

    command: str = ""
    config: str | None = None
    environment: str | None = None
    read_only: bool = False
    """Nothing may be changed, whatever turnout.toml says."""
    ascii: bool = False
    mouse: bool = True
    servers: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    dry_run: bool = False
    yes: bool = False
    json: bool = False
    tag: str | None = None
    tags: tuple[str, ...] = ()
    wait: float = 0.0
    """Seconds to wait for locks that others hold."""
    way: str = ""
    """What becomes of an interrupted operation: finish, undo, or "" where a person is to be asked."""
    breaks: str = ""
    """The id of the operation whose lock is to be broken without a question."""
    request: Callable[[], Request] | None = None
    reason: str = ""
    """Why, in the words of who asks for it."""
    words: argparse.Namespace = field(default_factory=argparse.Namespace)

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables of the process, with those that options of the looks stand for."""
        looks = ({"TURNOUT_ASCII": "1"} if self.ascii else {}) | ({} if self.mouse else {"TURNOUT_MOUSE": "0"})
        return {**os.environ, **looks}


def _request(values: argparse.Namespace) -> Request:
    """What the engine is asked for, with what all changes have."""
    made: Request = values.request(values)
    despite_freeze, hold = getattr(values, "despite_freeze", False), getattr(values, "hold", None)
    return replace(made, reason=values.reason, despite_freeze=despite_freeze, hold=hold)


class _Version(argparse.Action):
    """Prints the installed version; the look-up costs time, so that it is done only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        from tui.cli.streams import stdout

        try:
            shown = f"turnout {version('turnout')}"
        except PackageNotFoundError:
            shown = "turnout, run from a source folder that is not installed"
        stdout().write([shown])
        parser.exit()


def parse(words: Sequence[str]) -> Options:
    """What the words ask for. BadUsage for those that it does not know; SystemExit(0) after --help and --version."""
    words, typed = split(words)
    parser, values = _parsed(list(words))
    if typed and values.command != "run":
        raise BadUsage("only `turnout run` takes words after --", usage=parser.format_usage())
    values.typed = typed
    known = vars(values)
    return Options(
        command=known.get("command") or "",
        config=known.get("config"),
        environment=known.get("environment"),
        read_only=known.get("read_only", False),
        ascii=known.get("ascii", False),
        mouse=known.get("mouse", True),
        servers=tuple(known.get("servers") or ()),
        roles=tuple(known.get("roles") or ()),
        dry_run=known.get("dry_run", False),
        yes=known.get("yes", False),
        json=known.get("json", False),
        tag=known.get("tag"),
        tags=tuple(known.get("tags") or ()),
        wait=known.get("wait", 0.0),
        way=known.get("way") or "",
        breaks=known.get("breaks") or "",
        request=partial(_request, values) if "request" in known else None,
        reason=known.get("reason") or "",
        words=values,
    )


def _parsed(words: list[str]) -> tuple[Parser, argparse.Namespace]:
    """The parser and what it found. A command that comes first gets a parser of its own: those of all commands take
    10 ms, and only what is said of wrong words needs them."""
    if words and not words[0].startswith("-"):
        parser = _parser(with_init=words[0] == "init", only=words[0])
        with suppress(BadUsage):
            return parser, parser.parse_args(words)
    parser = _parser(with_init="init" in words)
    return parser, parser.parse_args(words)


class _Only:
    """Of all commands that are added only one is made."""

    def __init__(self, commands: Any, name: str) -> None:
        self._commands = commands
        self._name = name

    def add_parser(self, name: str, **options: Any) -> Any:
        return self._commands.add_parser(name, **options) if name == self._name else _Nothing()


class _Nothing:
    """A parser of words that nobody has typed: it takes everything, and keeps nothing."""

    def __getattr__(self, name: str) -> Callable[..., _Nothing]:
        return lambda *words, **options: self


def parser_of_all() -> Parser:
    """The parser with the words of every command."""
    return _parser(with_init=True)


def help_of(command: str) -> str:
    """What `turnout COMMAND --help` prints; "" where there is no such command."""
    commands = _parser(with_init=command == "init").commands
    return commands[command].format_help() if command in commands else ""


def _parser(*, with_init: bool, only: str = "") -> Parser:
    """The parser of the words. `only`: of this command, as if there were no other."""
    parser = Parser(
        prog="turnout",
        description="Deploy an application to all its servers atomically, and roll back to any release.\n"
        "Without a command, Turnout opens the dashboard.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument(
        "--config", metavar="FILE", help="the configuration file (default: turnout.toml in this folder or one above)"
    )
    parser.add_argument("--environment", metavar="ENV", help="the environment that the dashboard shows first")
    add_looks(parser)
    commands: Any = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=Parser)
    if only:
        commands = _Only(commands, only)
    add_change_commands(commands)

    releases = add_command(commands, "releases", "list the releases and where they are")
    add_environment(releases)
    add_reading(releases)

    _answer(commands)
    _past(commands)
    _after_a_failure(commands)

    doctor = add_command(commands, "doctor", "check that each server is ready for a deploy; changes nothing")
    add_environment(doctor)
    add_reading(doctor)

    verify = add_command(
        commands,
        "verify",
        "compare a release on each server with its manifest, by checksum",
        "Lists what was changed, added or removed since it was deployed; shared paths and what prepare hooks made are\n"
        "left out. Takes no lock and changes nothing. Exits with 1 for drift, with 3 if a server cannot be reached.",
    )
    add_environment(verify)
    verify.add_argument("tag", metavar="TAG", nargs="?", help="the release (default: the live one)")
    add_reading(verify)

    check = add_command(
        commands,
        "check",
        "try the checks on what is live, without a deploy",
        "Tries each check once on the live release of each server. Takes no lock and changes nothing. Exits with 1 if\n"
        "a check fails, with 3 if a server cannot be reached.",
    )
    add_environment(check)
    add_reading(check)

    _diff(commands)
    _logs(commands)
    add_task_commands(commands)
    add_store_command(commands)

    _web(commands)
    init = commands.add_parser(
        "init", help="write a commented turnout.toml", description="Write a commented turnout.toml."
    )
    if with_init:
        from tui.cli.init import add_arguments

        add_arguments(init)
    add_config(init)
    add_offline_commands(commands)
    demo = commands.add_parser(
        "demo",
        help="try Turnout on temporary servers on this machine",
        description="Start four SSH servers on this machine, deploy a sample project to them and open the dashboard. "
        "Everything is removed at the end.",
    )
    add_looks(demo, again=True)
    return parser


def _web(commands: Any) -> None:
    web = commands.add_parser(
        "web",
        help="show the dashboard in a browser on this machine",
        description="Show the dashboard in a browser on this machine, at 127.0.0.1. Prints a link that works once:\n"
        "only the browser that opens it gets in. It only looks, unless --write is given. To end: close the window, or\n"
        "press Ctrl-C, which ends all windows; what one of them runs is cancelled and put back first.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_environment(web)
    add_config(web)
    web.add_argument("--port", metavar="N", type=_port, default=0, help="the port (default: any that is free)")
    web.add_argument("--write", action="store_true", help="let the browser deploy and change servers")


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return number


def _answer(commands: Any) -> None:
    answer = add_command(
        commands,
        "answer",
        "answer the question of a running operation: go, abort, undo …",
        "A deploy that is held, for example, waits for `go`. `turnout watch` shows the question and its choices. The\n"
        "first answer counts. Exits with 1 if the question is closed, and says what happened to it.",
    )
    # Both: ENV may be left out where the project has only one.
    answer.add_argument("words", metavar="[ENV] CHOICE", nargs="+", action=_Choice, help="the environment, the choice")
    answer.add_argument("--question", metavar="ID", default="", help="only if this question is open")
    answer.add_argument("-m", "--reason", default="", metavar="WHY", help="the reason; journals and the log keep it")
    add_reading(answer)


class _Choice(argparse.Action):
    """`[ENV] CHOICE`: the last word is the choice."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        if len(values) > 2:
            parser.error(f"unrecognized arguments: {' '.join(values[2:])}")
        namespace.choice = values[-1]
        if len(values) == 2:
            namespace.environment = values[0]


def _past(commands: Any) -> None:
    """The commands that tell what was done."""
    history = add_command(
        commands,
        "history",
        "list what was done: who, when, why, and how it ended",
        "Reads the journals of all servers. Exits with 3 if some do not answer.",
    )
    add_environment(history)
    history.add_argument(
        "--limit", metavar="N", type=_limit, default=50, help="the last N operations, at most 2000 (default: 50)"
    )
    add_reading(history)

    log = add_command(
        commands,
        "log",
        "show what one operation did, line by line",
        "Each server keeps the events of the last 50 operations.",
    )
    add_environment(log)
    log.add_argument(
        "operation", metavar="OPERATION", nargs="?", help="its id or the beginning of it, or `last` (the default)"
    )
    add_reading(log)


def _fingerprint(text: str) -> str:
    """`SHA256:` and 43 signs of base64, as `ssh-keygen -lf` prints it."""
    found = re.fullmatch(r"SHA256:([A-Za-z0-9+/]{43})=?", text)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a fingerprint such as SHA256:… of `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`"
        )
    return f"SHA256:{found[1]}"


def _limit(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) < 6 else 0
    if not 1 <= number <= 2000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 2000")
    return number


def _diff(commands: Any) -> None:
    diff = add_command(
        commands,
        "diff",
        "show how two releases differ: commits, files, or one file",
        "Commits come from the git repository, files from the manifests on the servers; nothing is sent. A and B are\n"
        "tags, whole or short, commits, `live` or `previous`. Without B, A is compared with the live release;\n"
        "without both, the previous release is. Exits with 0 even if they differ, with 1 if the files are not known\n"
        "or FILE cannot be shown, with 3 if no server can be reached.\n"
        "With two --server, the files of A on the first server are compared, by checksum there, with those of B on\n"
        "the second one; without B, with those of A there.",
    )
    add_environment(diff)
    diff.add_argument(
        "releases", metavar="A [B] [FILE]", nargs="*", help="the old release, the new one, a file of them"
    )
    form = diff.add_mutually_exclusive_group()
    form.add_argument("--files", action="store_true", help="only the paths, with a letter: A, M, D, R")
    form.add_argument("--stat", action="store_true", help="only the files, with a bar of the lines that changed")
    add_reading(diff)


def _logs(commands: Any) -> None:
    logs = add_command(
        commands,
        "logs",
        "follow the application's logs on all servers",
        "Prints each line after its server's name, until Ctrl-C. The logs are those of [[logs]] in turnout.toml.\n"
        "Exits with 0 when it is stopped. With --no-follow it exits with 3 if a server cannot be reached, and with\n"
        "1 if a log cannot be read.",
    )
    add_environment(logs)
    logs.add_argument("names", metavar="NAME", nargs="*", help="only this log (default: all of the environment)")
    logs.add_argument(
        "--role", dest="roles", metavar="ROLE", action="append", help="only servers with this role (may be repeated)"
    )
    logs.add_argument(
        "--lines", metavar="N", type=number, default=10, help="begin with the last N lines of each file (default: 10)"
    )
    logs.add_argument(
        "--no-follow",
        dest="follow",
        action="store_false",
        help="print what is there and exit; a command is read until it prints nothing for 1.5 s",
    )
    logs.add_argument("--grep", metavar="REGEX", help="only lines that match this regular expression")
    add_reading(logs)


def _after_a_failure(commands: Any) -> None:
    """The commands for others' operations, locks and host keys: docs/operations.md tells when."""
    watch = add_command(
        commands,
        "watch",
        "follow a running operation, whoever started it",
        "Exits with the operation's exit code, or with 0 if nothing is running. Ctrl-C stops watching and exits\n"
        "with 0; the operation goes on.",
    )
    add_environment(watch)
    add_reading(watch)

    unlock = add_command(
        commands,
        "unlock",
        "show who has locked the servers, and break a stuck lock",
        "A lock whose process has died is left alone: the next operation takes it over. To break the lock of a\n"
        "running process, type the environment's name when asked, or pass --break. Exits with 4 while a running\n"
        "process holds a lock.",
    )
    add_environment(unlock)
    unlock.add_argument(
        "--break",
        dest="breaks",
        metavar="OPERATION",
        help="break the locks of the operation with this id, without asking; `turnout unlock` shows the id",
    )
    add_reading(unlock)

    trust = add_command(
        commands,
        "trust",
        "list the servers' host keys and record the unknown ones in known_hosts",
        "Includes the keys of gateways. A key that differs from the recorded one is always refused. Exits with 3 if\n"
        "a key has changed, was not accepted or could not be read.",
    )
    add_environment(trust)
    chosen = trust.add_mutually_exclusive_group()
    chosen.add_argument(
        "--yes", action="store_true", help="record unknown keys without asking: this trusts whichever machine answers"
    )
    chosen.add_argument(
        "--fingerprint",
        dest="fingerprints",
        metavar="SHA256:…",
        type=_fingerprint,
        action="append",
        help="record unknown keys with this fingerprint, refuse all others, ask nothing (may be repeated): for CI",
    )
    add_reading(trust)
