"""The words of commands that ask no server: schema."""

from __future__ import annotations

from typing import Any


def add_offline_commands(commands: Any) -> None:
    commands.add_parser(
        "schema",
        help="print the JSON Schema of turnout.toml, for editors",
        description="Print the JSON Schema of turnout.toml. `turnout schema > turnout.schema.json` beside turnout.toml "
        "and `#:schema ./turnout.schema.json` in its first line let editors complete and check the file.",
    )
