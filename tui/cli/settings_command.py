"""`turnout settings`: where the person's settings are, and what holds on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from core.errors import EXIT_DONE, EXIT_USAGE, CannotRun, TurnoutError, UsageError
from core.settings import CACHE, Settings
from core.text import clean
from tui import keymap, settings
from tui import theme as themes
from tui.cli.arguments import Options
from tui.cli.config_file import config_file
from tui.cli.pages import error_lines
from tui.cli.streams import stderr, stdout
from tui.commands.registry import KEYS
from tui.view.glyphs import ASCII, choose

NAME_CELLS = 12
VALUE_CELLS = 20


def run(options: Options) -> int:
    """Print them, or write a commented file; the exit code: 2 where something of the file is not taken."""
    try:
        if options.words.write:
            stdout().write([_written(settings.place_of(os.environ))])
            return EXIT_DONE
        lines, faults = settings_lines(os.environ)
        stdout().write(lines)
        stderr().write([f"fault: {fault}" for fault in faults])
        stdout().write(_memory_lines(options))
    except TurnoutError as error:
        stderr().write(error_lines(error))
        return error.exit_code
    return EXIT_USAGE if faults else EXIT_DONE


def _written(place: Path | None) -> str:
    if place is None:
        raise UsageError(settings.NO_HOME)
    try:
        if settings.write_sample(place):
            return f"{place} is written, with every setting as a comment"
    except OSError as error:
        raise UsageError(f"{place} cannot be written: {error.strerror}") from None
    raise UsageError(f"{place} is there already", hint="it was not changed")


def settings_lines(environ: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """What holds and where it comes from, and what of the file is not taken."""
    from textual.theme import BUILTIN_THEMES

    own = settings.load(environ)
    keys = keymap.check(own.keys, KEYS, str(own.place or settings.FILE))
    together = own.beside(environ)
    theme = themes.choose(together)
    fault = themes.fault(theme, [*BUILTIN_THEMES, *(known.name for known in themes.THEMES)])
    own_mouse = "" if own.mouse else settings.FILE
    plain = choose(together) is ASCII
    there = (
        "" if own.found or own.place is None else "   (not there; `turnout settings --write` writes a commented one)"
    )
    rows = [
        ("theme", themes.DARK.name if fault else theme, _theme_from(own, environ)),
        ("mouse", _word(settings.has_mouse(together)), settings.MOUSE if environ.get(settings.MOUSE) else own_mouse),
        ("ascii", _word(plain), settings.FILE if own.ascii else "" if not plain else "the terminal or a variable"),
        ("cache", _cache(environ), CACHE if environ.get(CACHE) else ""),
        *((f"notify.{name}", _word(on), settings.FILE) for name, on in own.notify.items()),
        *((f"key {name}", keys.shown_all(name), settings.FILE) for name in keys.changed),
    ]
    cells = max(NAME_CELLS, *(len(name) + 2 for name, _, _ in rows))
    shown = [f"{name:<{cells}}{value:<{VALUE_CELLS - 2}}  {source}".rstrip() for name, value, source in rows]
    faults = [*own.faults, *keys.faults, *filter(None, [fault])]
    return [f"{'file':<{cells}}{clean(str(own.place or settings.NO_HOME))}{there}", *shown], faults


def _cache(environ: Mapping[str, str]) -> str:
    """The folder for what can be made again."""
    try:
        return clean(str(Settings(environ=environ).cache))
    except CannotRun:
        return f"no home folder is known; {CACHE} can name a folder"


def _word(on: bool) -> str:
    return "true" if on else "false"


def _theme_from(own: settings.UserSettings, environ: Mapping[str, str]) -> str:
    if "NO_COLOR" in environ:
        return "NO_COLOR"
    if environ.get("TURNOUT_THEME"):
        return "TURNOUT_THEME"
    return settings.FILE if own.theme else ""


def _memory_lines(options: Options) -> list[str]:
    """Which environment of the project the dashboard opens with, where there is one with several."""
    from core import config

    try:
        path = config_file(options)
    except CannotRun:  # the settings are the person's, wherever that is
        return []
    if path is None:
        return []
    project = config.load(path)
    memory = settings.memory_of(project.path)
    name = settings.remembered(memory, project.environments)
    return ["", f"The dashboard of {project.path} opens with {name}, which was shown last: {memory}"] if name else []
