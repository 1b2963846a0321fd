"""The words of the `turnout` command: what argparse makes of them, and what it says when they are wrong."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

EPILOG = """\
exit codes:
  0  done (also: nothing to do, or a plan that could be executed)
  1  failed or cancelled, and everything was put back (also: a plan that is refused, drift found)
  2  bad usage or configuration, or Turnout cannot run on this machine; nothing was touched
  3  no connection to a server, or its host key is not known or has changed
  4  locked: another operation is at work there
  5  needs a person: the message says what to decide (docs/operations.md has every case)

output:
  Data (plans of --dry-run, tables, results) goes to stdout, narration to stderr.
  With --json stdout has JSON lines only: one event each, errors with "event": "error", at last
  one with "event": "result" that carries "exit_code" and "outcome".

Ctrl-C (and SIGTERM, SIGHUP) cancels cleanly: before the barrier nothing has changed, after it
everything goes back. A reader of the output that goes away does not stop an operation.
After a crash `turnout recover` says what was interrupted where, and finishes or undoes it.
"""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the words of the command ask for. `command` is "" for the dashboard; `words` are argparse's own values."""

    command: str = ""
    config: str | None = None
    environment: str | None = None
    servers: tuple[str, ...] = ()
    dry_run: bool = False
    yes: bool = False
    json: bool = False
    ref: str | None = None
    tag: str | None = None
    rebuild: bool = False
    tags: tuple[str, ...] = ()
    keep: int | None = None
    cache: bool = False
    wait: float = 0.0
    """Seconds to wait for locks that others hold."""
    force: bool = False
    way: str = ""
    """What becomes of an interrupted operation: finish, undo, or "" where a person is to be asked."""
    why: str = ""
    """Why a release is pinned."""
    breaks: str = ""
    """The id of the operation whose lock is to be broken without a question."""
    words: argparse.Namespace = field(default_factory=argparse.Namespace)


class BadUsage(Exception):
    """Words that the command does not know."""

    def __init__(self, message: str, hint: str = "", usage: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.usage = usage


def nearest(word: str, known: Iterable[str], alike: float = 0.6) -> str:
    """The known word that this one is probably meant to be, or ""."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(known), 1, alike)), "")


class _Parser(argparse.ArgumentParser):
    """Raises BadUsage instead of leaving the process, with the nearest word that would have been right."""

    def error(self, message: str) -> NoReturn:
        hint = ""
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message, re.DOTALL)
        unknown = re.search(r"unrecognized arguments: (\S+)", message)
        if choice:
            message = f"there is no command {choice[1]!r}"
            known = re.findall(r"[\w-]+", choice[2])
            near = nearest(choice[1], known)
            hint = f"did you mean `turnout {near}`?" if near else f"commands: {', '.join(known)}"
        elif unknown:
            near = nearest(unknown[1], self.known_options() - {unknown[1]}, alike=0.7)
            hint = f"did you mean {near}?" if near else f"`{self.prog} --help` lists what it takes"
        raise BadUsage(message, hint, self.format_usage())

    def known_options(self) -> set[str]:
        """The long options of this parser and of its subcommands."""
        known: set[str] = set()
        for action in self._actions:
            known.update(option for option in action.option_strings if option.startswith("--"))
            if isinstance(action, argparse._SubParsersAction):
                for parser in action.choices.values():
                    known |= parser.known_options()
        return known


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
    parser = _parser(with_init="init" in words)
    values = parser.parse_args(list(words))
    known = vars(values)
    return Options(
        command=known.get("command") or "",
        config=known.get("config"),
        environment=known.get("environment"),
        servers=tuple(known.get("servers") or ()),
        dry_run=known.get("dry_run", False),
        yes=known.get("yes", False),
        json=known.get("json", False),
        ref=known.get("ref"),
        tag=known.get("tag"),
        rebuild=known.get("rebuild", False),
        tags=tuple(known.get("tags") or ()),
        keep=known.get("keep"),
        cache=known.get("cache", False),
        wait=known.get("wait", 0.0),
        force=known.get("force", False),
        way=known.get("way") or "",
        why=known.get("why") or "",
        breaks=known.get("breaks") or "",
        words=values,
    )


def _parser(*, with_init: bool) -> _Parser:
    parser = _Parser(
        prog="turnout",
        description="Put a version of an application on all its servers atomically, and go back to any release.\n"
        "Without a command it opens the dashboard.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument(
        "--config", metavar="FILE", help="the project's file (default: turnout.toml here or in a folder above)"
    )
    parser.add_argument("--environment", metavar="ENV", help="the environment that the dashboard shows first")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=_Parser)

    deploy = _command(commands, "deploy", "put a revision on every server, then switch all of them at once")
    _environment(deploy)
    deploy.add_argument("--ref", metavar="REV", help="branch, tag or commit (default: `ref` of the project)")
    deploy.add_argument("--tag", help="the new release's name (default: UTC time and revision)")
    deploy.add_argument("--rebuild", action="store_true", help="run the build commands, also where a build is kept")
    _waiting(deploy)
    _changing(deploy)

    rollback = _command(commands, "rollback", "switch every server back to a release")
    _environment(rollback)
    rollback.add_argument("tag", metavar="TAG", nargs="?", help="the release (default: the one before the live one)")
    _waiting(rollback)
    _changing(rollback)

    releases = _command(commands, "releases", "list the releases and where they are")
    _environment(releases)
    _reading(releases)

    prune = _command(
        commands,
        "prune",
        "remove the files of old releases; their records stay",
        "Without TAG, --keep and --cache: all releases beyond the project's `keep`. "
        "The live release, the one before it and pinned ones are never removed.",
    )
    _environment(prune)
    prune.add_argument("tags", metavar="TAG", nargs="*", help="releases to remove")
    prune.add_argument("--keep", metavar="N", type=_at_least_one, help="remove all releases beyond the newest N")
    prune.add_argument("--cache", action="store_true", help="empty the deploy-cache too; the next deploy rebuilds it")
    prune.add_argument("--force", action="store_true", help="also releases that a running process works in")
    _waiting(prune)
    _changing(prune)
    _pins(commands)
    _after_a_failure(commands)

    doctor = _command(commands, "doctor", "check each server before anything is at stake; changes nothing")
    _environment(doctor)
    _reading(doctor)

    verify = _command(
        commands,
        "verify",
        "compare a release on each server with its manifest, by checksum",
        "Lists what was changed, added or removed since it was deployed; shared paths and what prepare hooks made are\n"
        "left out. Takes no lock and changes nothing. Ends with 1 for drift, with 3 if a server could not be asked.",
    )
    _environment(verify)
    verify.add_argument("tag", metavar="TAG", nargs="?", help="the release (default: the live one)")
    _reading(verify)

    init = commands.add_parser(
        "init", help="write a commented turnout.toml", description="Write a commented turnout.toml."
    )
    if with_init:
        from tui.cli.init import add_arguments

        add_arguments(init)
    commands.add_parser(
        "demo",
        help="try everything on servers of its own",
        description="Start three SSH servers on this machine, deploy a sample project to them and open the dashboard. "
        "Nothing is left behind.",
    )
    return parser


def _pins(commands: Any) -> None:
    """What is never pruned."""
    pin = _command(
        commands,
        "pin",
        "never prune a release, until it is unpinned",
        "On every server of the environment. It stays pinned whatever becomes of its files: also where a server gets\n"
        "them later. `turnout releases` shows it.",
    )
    unpin = _command(commands, "unpin", "prune a release as others are")
    for parser in (pin, unpin):
        _environment(parser)
        parser.add_argument("tag", metavar="TAG", help="the release")
        if parser is pin:
            parser.add_argument("-m", "--why", dest="why", metavar="WHY", help="why, for whoever wonders later")
        _waiting(parser)
        _changing(parser)


def _after_a_failure(commands: Any) -> None:
    """The commands for locks, interruptions and host keys: docs/operations.md tells when."""
    recover = _command(
        commands,
        "recover",
        "say what was interrupted where, and finish or undo it",
        "Without --finish and --undo it asks which; where there is nobody to ask it ends with 5 if something was\n"
        "interrupted, and with 0 if nothing was.",
    )
    _environment(recover)
    ways = recover.add_mutually_exclusive_group()
    ways.add_argument(
        "--finish", dest="way", action="store_const", const="finish", help="lead every server to the new release"
    )
    ways.add_argument(
        "--undo", dest="way", action="store_const", const="undo", help="lead every server back to where it was"
    )
    _waiting(recover)
    _changing(recover)

    watch = _command(
        commands,
        "watch",
        "follow the operation that is running, whoever started it",
        "Ends with the operation's exit code; with 0 if nothing is running. Ctrl-C stops watching, ends with 0 and\n"
        "never disturbs the operation.",
    )
    _environment(watch)
    _reading(watch)

    unlock = _command(
        commands,
        "unlock",
        "show who holds the servers, and break a lock that will not heal",
        "A lock whose process is gone is left alone: the next operation takes it over. A living one is broken only\n"
        "after the environment's name was typed, or for the one operation that --break names. Ends with 4 while a\n"
        "living one is held.",
    )
    _environment(unlock)
    unlock.add_argument(
        "--break",
        dest="breaks",
        metavar="OPERATION",
        help="break the locks of the operation with this id, as `turnout unlock` shows it, without a question",
    )
    _reading(unlock)

    trust = _command(
        commands,
        "trust",
        "list the servers' host keys and record the unknown ones in known_hosts",
        "Gateways' keys too. A key that differs from the recorded one is refused, always. Ends with 3 while a key is\n"
        "changed, unaccepted, or could not be looked at.",
    )
    _environment(trust)
    trust.add_argument(
        "--yes", action="store_true", help="record unknown keys without a question: whoever answers is trusted"
    )
    _reading(trust)


def _command(commands: Any, name: str, text: str, more: str = "") -> _Parser:
    parser: _Parser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.\n{more}".rstrip(),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return parser


def _environment(parser: _Parser) -> None:
    parser.add_argument(
        "environment",
        metavar="ENV",
        nargs="?",
        default=argparse.SUPPRESS,
        help="the environment (may be left out where the project has only one)",
    )


def _reading(parser: _Parser) -> None:
    """The options of every command. SUPPRESS: a value given before the command must not be replaced by a default."""
    parser.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help="the project's file")
    parser.add_argument(
        "--server",
        dest="servers",
        metavar="NAME",
        action="append",
        help="only this server of the environment (may be repeated)",
    )
    parser.add_argument("--json", action="store_true", help="JSON lines on stdout, at last one with the result")


def _changing(parser: _Parser) -> None:
    """The options of commands that change servers."""
    _reading(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    parser.add_argument(
        "--yes",
        action="store_true",
        help="do not ask, also where the environment is protected; needed without a terminal",
    )


def _waiting(parser: _Parser) -> None:
    parser.add_argument(
        "--wait",
        metavar="DURATION",
        type=_duration,
        default=0.0,
        help="wait so long (90s, 5m, 1h) for locks that others hold, instead of ending with 4 at once",
    )


def _duration(text: str) -> float:
    """Seconds in `90s`, `5m`, `1h` or a plain number."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: 90s, 5m, 1h")
    return float(found[1]) * {"m": 60, "h": 3600}.get(found[2], 1)


def _at_least_one(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of releases to keep, 1 or more")
    return number
