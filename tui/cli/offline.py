"""The commands that ask no server and print text only: schema."""

from __future__ import annotations

import json

from tui.cli.arguments import Options
from tui.cli.streams import stdout


def run(options: Options) -> int:
    """Print what was asked for; the exit code."""
    _schema()
    return 0


def _schema() -> None:
    from core.config.schema import schema

    stdout().write([json.dumps(schema(), indent=2, ensure_ascii=False)])
