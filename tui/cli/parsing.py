"""The parser of the command's words, the options that commands share, and what is said of wrong words."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from core.names import nearest
from core.questions import HOLD_RULE, LONGEST_HOLD, SHORTEST_HOLD, USUAL_HOLD

EPILOG = """\
exit codes:
  0  done (also: nothing to do, or --dry-run of a plan that can be executed)
  1  failed or cancelled, and everything was put back (also: the plan was refused, verify found drift,
     or check found a check that fails)
  2  bad usage or configuration, or Turnout cannot run on this machine; nothing was touched
  3  no connection to a server, or its host key is not known or has changed
  4  locked: another operation is running there
  5  needs a person: the message says what to decide (`turnout help` has every case)

output:
  Data (plans of --dry-run, tables, results) goes to stdout, progress to stderr.
  With --json, stdout has only JSON lines, one event each. An error has "event": "error".
  The last line has "event": "result", with "exit_code" and "outcome".

Ctrl-C, SIGTERM and SIGHUP cancel cleanly: if no server has switched, nothing changes; otherwise
every server is switched back. An operation goes on even if the reader of its output goes away.
After a crash, `turnout recover` shows what was interrupted, and finishes or undoes it.
"""

ELSEWHERE = {
    "undo": "rollback",
    "revert": "rollback",
    "status": "releases",
    "list": "releases",
    "ls": "releases",
    "versions": "releases",
    "audit": "history",
    "changes": "diff",
    "exec": "run",
    "lock": "freeze",
    "setup": "init",
    "tail": "logs",
}
"""What other tools and people call a command, where no name of ours is near, or a wrong one is."""


class BadUsage(Exception):
    """Words that the command does not know."""

    def __init__(self, message: str, hint: str = "", usage: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.usage = usage


class Parser(argparse.ArgumentParser):
    """Raises BadUsage instead of leaving the process, with the nearest word that would have been right."""

    def error(self, message: str) -> NoReturn:
        hint = ""
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message, re.DOTALL)
        unknown = re.search(r"unrecognized arguments: (\S+)", message)
        if choice:
            message = f"there is no command {choice[1]!r}"
            choices = re.findall(r"[\w-]+", choice[2])
            meant = ELSEWHERE.get(choice[1], "")
            near = meant if meant in choices else nearest(choice[1], choices)
            hint = f"did you mean `{self.prog} {near}`?" if near else f"commands: {', '.join(choices)}"
        elif unknown:
            word = unknown[1].partition("=")[0]
            near = nearest(word, self.known_options() - {word}, alike=0.7)
            hint = f"did you mean {near}?" if near else f"`{self.prog} --help` lists its options"
            if word in self._option_string_actions:
                hint = f"{word} comes before the command: `{self.prog} {word} … COMMAND`"
        raise BadUsage(message, hint, self.format_usage())

    def known_options(self) -> set[str]:
        """The long options of this parser and of its subcommands."""
        own = (option for action in self._actions for option in action.option_strings if option.startswith("--"))
        return set(own).union(*(parser.known_options() for parser in self.commands.values()))

    @property
    def commands(self) -> Mapping[str, Parser]:
        """The parsers of the commands below it, by name; empty where there are none."""
        below = (action for action in self._actions if isinstance(action, argparse._SubParsersAction))
        return next((action.choices for action in below), {})


def add_command(commands: Any, name: str, text: str, more: str = "") -> Parser:
    parser: Parser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.\n{more}".rstrip(),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return parser


def add_environment(parser: Parser) -> None:
    parser.add_argument(
        "environment",
        metavar="ENV",
        nargs="?",
        default=argparse.SUPPRESS,
        help="the environment (optional if the project has only one)",
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    """SUPPRESS: a value given before the command must not be replaced by a default."""
    parser.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help="the configuration file")


def add_looks(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """The options of the dashboard. `again`: of a command, which leaves what is given before it as it is."""
    off, on = (argparse.SUPPRESS, argparse.SUPPRESS) if again else (False, True)
    look = "look only: refuse everything that changes servers"
    parser.add_argument("--read-only", action="store_true", default=off, help=look)
    parser.add_argument("--ascii", action="store_true", default=off, help="draw with plain ASCII only")
    leave = "leave the mouse to the terminal, to select text with"
    parser.add_argument("--no-mouse", dest="mouse", action="store_false", default=on, help=leave)


def add_reading(parser: Parser) -> None:
    """The options of every command."""
    add_config(parser)
    parser.add_argument(
        "--server",
        dest="servers",
        metavar="NAME",
        action="append",
        help="only this server of the environment (may be repeated)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines; the last one is the result")


def add_changing(parser: Parser, *, freezable: bool = False) -> None:
    """The options of commands that change servers. `freezable`: a freeze stops it."""
    add_reading(parser)
    parser.add_argument(
        "-m", "--reason", default="", metavar="WHY", help="the reason; records, journals and `turnout history` keep it"
    )
    if freezable:
        parser.add_argument("--despite-freeze", action="store_true", help="go on although changes are frozen; needs -m")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    parser.add_argument(
        "--yes",
        action="store_true",
        help="do not ask, even if the environment is protected; required without a terminal",
    )


def add_at_once(parser: Parser) -> None:
    parser.add_argument(
        "--at-once", action="store_true", help="switch all servers at once, whatever strategy the environment has"
    )


def add_hold(parser: Parser) -> None:
    parser.add_argument(
        "--hold",
        metavar="DURATION",
        nargs="?",
        type=_hold,
        const=USUAL_HOLD,
        help="when every server is ready, wait this long (default: 1h) for a person to say go, else change nothing",
    )


def add_waiting(parser: Parser) -> None:
    parser.add_argument(
        "--wait",
        metavar="DURATION",
        type=duration,
        default=0.0,
        help="wait up to this long (90s, 5m, 1h) for other operators' locks instead of exiting with code 4",
    )


def number(text: str) -> int:
    """A whole number, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _hold(text: str) -> float:
    seconds = duration(text)
    if not SHORTEST_HOLD <= seconds <= LONGEST_HOLD:
        raise argparse.ArgumentTypeError(f"{text!r} is not {HOLD_RULE}")
    return seconds


def duration(text: str) -> float:
    """Seconds in `90s`, `5m`, `1h` or a plain number."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90s, 5m or 1h")
    return float(match[1]) * {"m": 60, "h": 3600}.get(match[2], 1)
