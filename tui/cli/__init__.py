"""The `turnout` command: the dashboard without a subcommand, else one operation as text or JSON lines.

Only what a command needs is imported: its start until the first byte on the network is budgeted.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from tui.cli.streams import open_missing, stderr, stdout

if TYPE_CHECKING:
    from pathlib import Path

    from core.config import Project
    from tui.cli.arguments import Options
    from tui.cli.parsing import BadUsage

EXIT_FAILED, EXIT_USAGE = 1, 2


COLLECT_AFTER = (100_000, 20, 50)
"""Thresholds of the garbage collector: loading makes 64,000 objects, and to look through them takes a tenth of the time
of a short command."""


def script() -> NoReturn:
    """The console script: `main`, then the end of the process at once, without taking every module apart (50 ms).

    Nothing is lost by that: the engine's threads are daemons, its connections are closed, output is flushed here.
    A Ctrl-C that comes now is too late: how it ended is said already.
    """
    gc.set_threshold(*COLLECT_AFTER)
    code = EXIT_FAILED
    with suppress(KeyboardInterrupt):
        code = main(is_last=True)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or EXIT_FAILED
    os._exit(code)


def main(argv: Sequence[str] | None = None, *, is_last: bool = False) -> int:
    """Run the command with these words (those of the process by default); its exit code, as `--help` documents it.

    is_last   the process ends then: a signal that comes once an operation has ended changes nothing any more
    Nothing is raised: what nothing expected is an error like others, with JSON lines a line and a result.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["__complete"]:
        return _complete(words[1:])
    try:
        open_missing()
        from tui.cli.quick_imports import quick_imports

        with quick_imports():
            from tui.cli.arguments import parse
            from tui.cli.parsing import BadUsage

        try:
            options = parse(words)
        except BadUsage as error:
            return _bad_usage(error, "--json" in words)
        except SystemExit as end:  # --help and --version have printed what they print
            return end.code if isinstance(end.code, int) else EXIT_USAGE
        return _command(options, is_last=is_last)
    except KeyboardInterrupt:
        return _ended("interrupted", "--json" in words, EXIT_FAILED, "cancelled")
    except BaseException as problem:
        import traceback

        what = f"Turnout cannot run here: {type(problem).__name__}: {problem}"
        return _ended(what, "--json" in words, EXIT_USAGE, "failed", traceback.format_exc())


def _complete(words: Sequence[str]) -> int:
    """Tell a shell what the last word may be. Whatever is wrong, it is told nothing: a person is typing."""
    try:
        from tui.cli.completing import run

        stdout().write(run(words, os.environ, _current_folder()))
    except Exception:
        return EXIT_FAILED
    return 0


def _current_folder() -> Path | None:
    from pathlib import Path

    try:
        return Path.cwd()
    except OSError:
        return None


def _ended(title: str, as_json: bool, code: int, outcome: str, detail: str = "") -> int:
    """Say how it ended before it had begun; only with what Python itself has, for all else may be what is missing."""
    hint = "nothing was touched"
    if not as_json:
        lines = [f"turnout: {title}", *(f"  {line}" for line in detail.splitlines()), f"  -> {hint}"]
        stderr().write(lines if detail else lines[:1])
        return code
    import json
    import time

    from core.version import FORMAT

    error = {"type": "CannotRun", "title": title, "detail": detail, "hint": hint, "server": "", "phase": ""}
    unknown = {"command": "", "environment": "", "kind": "", "tag": "", "seconds": 0.0, "warnings": []}
    result = {"outcome": outcome, "summary": title, **unknown}
    head = {"format": FORMAT, "time": time.time(), "exit_code": code}
    stdout().write([json.dumps({"event": "error", **head, **error}), json.dumps({"event": "result", **head, **result})])
    return code


def _command(options: Options, *, is_last: bool) -> int:
    if options.command == "init":
        from tui.cli import init

        return init.run(options.words)
    if options.command == "demo":
        from tui import demo

        return demo.run(options.environ, read_only=options.read_only)
    if options.command in ("schema", "help", "completion") or (
        options.command == "config" and options.words.action == "docs"
    ):
        from tui.cli import offline

        return offline.run(options)
    if options.command == "web":
        from tui.cli import web_command

        return web_command.run(options)
    if options.command == "settings":
        from tui.cli import settings_command

        return settings_command.run(options)
    if options.command == "":
        return _dashboard(options)
    from tui.cli.run import run

    return run(options, is_last=is_last)


def _dashboard(options: Options) -> int:
    """Open the dashboard, also without a turnout.toml."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not is_terminal or os.environ.get("TERM") == "dumb":
        from tui.cli.parsing import BadUsage

        why = "TERM=dumb: this terminal cannot show the dashboard" if is_terminal else "the dashboard needs a terminal"
        return _bad_usage(BadUsage(why, "`turnout --help` lists the commands that work without one"), False)
    from core.errors import TurnoutError

    try:
        project, environment = _dashboard_project(options)
    except TurnoutError as error:
        from tui.cli.pages import error_lines

        stderr().write(error_lines(error))
        return error.exit_code
    from tui import settings
    from tui.app import run_dashboard

    memory = None
    if project is not None and len(project.environments) > 1:
        memory = settings.memory_of(project.path)
        environment = environment or settings.remembered(memory, project.environments) or None
    ended: int | str = run_dashboard(
        project, environment, lambda name: settings.remember(memory, name), options.environ
    )
    if ended == "demo":
        from tui import demo

        return demo.run(options.environ, read_only=options.read_only)
    return int(ended)


def _dashboard_project(options: Options) -> tuple[Project | None, str | None]:
    """The project, or None where there is no turnout.toml and none was named, and the environment to show first."""
    from tui.cli.config_file import config_file
    from tui.cli.quick_imports import quick_imports

    with quick_imports():
        from core import config

    path = config_file(options)
    if path is None:
        return None, None
    project = config.load(path)
    if options.read_only:
        project = config.read_only(project)
    _ = project.settings.cache  # where no home is known, that is said before the screen is taken
    return project, project.environment(options.environment).name if options.environment else None


def _bad_usage(error: BadUsage, as_json: bool) -> int:
    """Say what is wrong with the words of the command; on stdout too where JSON lines were asked for."""
    if as_json:
        from core.errors import UsageError
        from tui.cli.json_output import JsonOutput

        output = JsonOutput()
        output.error(UsageError(error.message, hint=error.hint))
        output.result({"exit_code": EXIT_USAGE, "outcome": "failed", "summary": error.message})
        return EXIT_USAGE
    usage = f"{error.usage.rstrip()}\n" if error.usage else ""
    hint = f"\n  -> {error.hint}" if error.hint else ""
    stderr().write([f"{usage}turnout: {error.message}{hint}"])
    return EXIT_USAGE
