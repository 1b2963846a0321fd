"""The words of the `turnout` command, and what they ask for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from tui.cli.change_arguments import add_change_commands
from tui.cli.offline_arguments import add_offline_commands
from tui.cli.parsing import EPILOG, BadUsage, Parser, add_config, add_environment, add_looks
from tui.cli.read_arguments import add_read_commands
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
    add_read_commands(commands)
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
