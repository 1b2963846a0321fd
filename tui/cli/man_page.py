"""Makes the man page from the words of the command: python -m tui.cli.man_page > docs/turnout.1"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Sequence

from tui.cli.arguments import parser_of_all
from tui.cli.parsing import EPILOG, Parser
from tui.cli.streams import stdout

VARIABLES = {
    "TURNOUT_USER": "who operates, for locks, records and journals; else the user of a CI job, or who is logged in",
    "TURNOUT_CACHE_DIR": "the folder for builds and exports, which can be made again",
    "TURNOUT_SSH_CONFIG": "a file that is read instead of ~/.ssh/config and /etc/ssh/ssh_config",
    "TURNOUT_SETTINGS": "your settings of the dashboard, instead of settings.toml in your configuration folder",
    "TURNOUT_THEME": "the colours of the dashboard: dark, light, ansi, or one of Textual's themes",
    "TURNOUT_NOTIFY": "what the terminal is told of operations: 0, 1, or some of bell,title,progress,desktop",
    "TURNOUT_ASCII": "draw with plain ASCII",
    "TURNOUT_MOUSE": "0 leaves the mouse to the terminal",
    "TURNOUT_PROFILE": "print at the end where the time of the command went",
    "NO_COLOR": "no colours at all",
}
FILES = {
    "turnout.toml": "the project: what is deployed, how, and to which servers; `turnout config docs` explains each key",
    "~/.config/turnout/settings.toml": "your own settings of the dashboard; `turnout settings` shows them",
    "~/.cache/turnout": "builds and exports, which can be made again",
    "~/.ssh/config, ~/.ssh/known_hosts": "read as ssh(1) reads them",
}


def man_page(version: str) -> str:
    """The page in the language of man(7)."""
    parser = parser_of_all()
    about, *more = (parser.description or "").splitlines()
    lines = [
        f'.TH TURNOUT 1 "" "turnout {version}" "User Commands"',
        ".SH NAME",
        _text(f"turnout - {about[0].lower()}{about[1:].rstrip('.')}").replace(" - ", " \\- ", 1),
        ".SH SYNOPSIS",
        *_synopsis(parser, "COMMAND ..."),
        ".SH DESCRIPTION",
        *_paragraphs([about, *more]),
        ".SH OPTIONS",
        *_options(parser),
        ".SH COMMANDS",
        *_commands(parser),
        *_epilog(),
        ".SH ENVIRONMENT",
        *_entries(VARIABLES.items()),
        ".SH FILES",
        *_entries(FILES.items()),
        ".SH SEE ALSO",
        ".BR ssh (1),",
        ".BR ssh_config (5)",
        *_paragraphs(["`turnout help` prints the runbook: what the screen shows, what is true, what to do."]),
    ]
    return "\n".join(lines) + "\n"


def _commands(parser: Parser) -> Iterator[str]:
    for name, command in parser.commands.items():
        yield f".SS {_text(f'{parser.prog} {name}')}"
        yield from _paragraphs((command.description or "").splitlines())
        if command.commands:
            yield from _commands(command)
            continue
        yield from _synopsis(command)
        yield from _options(command)


def _synopsis(parser: argparse.ArgumentParser, last: str = "") -> list[str]:
    """The words of a command in their order: those in brackets may be left out."""
    shown = [_positional(action) for action in parser._actions if _is_positional(action)]
    options = "[options]" if any(action.option_strings for action in parser._actions) else ""
    words = " ".join(word for word in (options, *shown, last) if word)
    return [".PP", f".B {_text(parser.prog)}", *([_text(words)] if words else [])]


def _is_positional(action: argparse.Action) -> bool:
    return not action.option_strings and not isinstance(action, argparse._SubParsersAction)


def _positional(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest)
    if name.startswith("[") or action.nargs is None:
        return name
    return {"?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} ..."}.get(str(action.nargs), name)


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Each word and option with what it is; `-h` only where it is said for all."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) or action.help == argparse.SUPPRESS:
            continue
        if isinstance(action, argparse._HelpAction) and " " in parser.prog:
            continue
        value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
        value = f"[{value}]" if action.option_strings and action.nargs == "?" else value
        names = ", ".join(action.option_strings)
        yield from _entry(f"{names} {value}".strip() if names else _positional(action), action.help or "")


def _epilog() -> Iterator[str]:
    """The end of every `--help`: the exit codes, the output, and what signals do."""
    codes, output, signals = EPILOG.split("\n\n")
    yield ".SH EXIT STATUS"
    for code, meaning in re.findall(r"^  (\d)  (.*(?:\n     .*)*)", codes, re.MULTILINE):
        yield from _entry(code, " ".join(meaning.split()))
    yield ".SH OUTPUT"
    yield from _paragraphs(output.splitlines()[1:])
    yield ".SH SIGNALS"
    yield from _paragraphs(signals.splitlines())


def _entries(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in pairs:
        yield from _entry(name, text)


def _entry(name: str, text: str) -> list[str]:
    return [".TP", f".B {_text(name)}", _text(text)]


def _paragraphs(lines: Sequence[str]) -> Iterator[str]:
    """Lines as paragraphs; indented ones, and those that name a shell's command, stay as they are."""
    yield ".PP"
    for line in lines:
        stays = re.match(r"\w+:  ", line)
        if not line:
            yield ".PP"
        elif stays:
            yield from (".br", _text(line), ".br")
        else:
            yield _text(line.strip())


def _text(text: str) -> str:
    """Text that roff shows as it is: no request, no escape, no sign that it would change."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in text)
    text = text.replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return f"\\&{text}" if text.startswith((".", "'", "\\(aq")) else text


if __name__ == "__main__":
    from importlib.metadata import version

    stdout().write(man_page(version("turnout")).splitlines())
