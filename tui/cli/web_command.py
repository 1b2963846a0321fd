"""`turnout web`: the dashboard of a project, to a browser of this machine."""

from __future__ import annotations

import sys

from core import config
from core.errors import TurnoutError
from tui.cli.arguments import Options
from tui.cli.config_file import config_file, needed
from tui.cli.pages import error_lines
from tui.cli.streams import stderr, stdout
from tui.web import require_textual_serve


def run(options: Options) -> int:
    """Serve it until a signal comes; the exit code."""
    try:
        path = needed(config_file(options))
        require_textual_serve()
        project = config.load(path)
        _ = project.settings.cache  # each dashboard needs it
        environment = project.environment(options.environment).name if options.environment else ""
        read_only = options.read_only or not options.words.write
        # -P: what an application has in its folder, such as a package `core`, is not taken for ours.
        command = [sys.executable, "-P", "-m", "tui.web.dashboard", str(path), "--environment", environment]
        from tui.web.serving import serve

        return serve(
            [*command, *(["--read-only"] if read_only else [])],
            options.words.port,
            show=lambda text: stdout().write([text]),
            say=lambda text: stderr().write([text]),
        )
    except TurnoutError as error:
        stderr().write(error_lines(error))
        return error.exit_code
