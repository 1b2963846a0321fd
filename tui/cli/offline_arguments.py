"""The words of commands that ask no server: schema, config, completion, settings, help."""

from __future__ import annotations

import argparse
from typing import Any

from tui.cli.parsing import Parser, add_command, add_config, add_environment

SHELLS = ("bash", "zsh", "fish")
"""The shells for which there is a file in tui/completion."""


def add_offline_commands(commands: Any) -> None:
    commands.add_parser(
        "schema",
        help="print the JSON Schema of turnout.toml, for editors",
        description="Print the JSON Schema of turnout.toml. `turnout schema > turnout.schema.json` beside turnout.toml "
        "and `#:schema ./turnout.schema.json` in its first line let editors complete and check the file.",
    )
    _config(commands)
    completion = commands.add_parser(
        "completion",
        help="print the completion for a shell: bash, zsh or fish",
        description="Print the completion for a shell. It completes commands, options, and the names of environments, "
        "servers, roles, tasks, logs and releases; no server is asked.\n\n"
        "bash:  turnout completion bash > ~/.local/share/bash-completion/completions/turnout\n"
        "zsh:   turnout completion zsh > _turnout    in a folder of $fpath\n"
        "fish:  turnout completion fish > ~/.config/fish/completions/turnout.fish",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_argument("shell", metavar="SHELL", type=_shell, help="bash, zsh or fish")
    settings = commands.add_parser(
        "settings",
        help="show your own settings of the dashboard, and where they are",
        description="Show your own settings of the dashboard: theme, mouse, notifications, keys, and where each comes "
        "from. They are in settings.toml, which belongs to you and this machine, not to a project. Exits with 2 if "
        "something in it is not taken.",
    )
    add_config(settings)
    settings.add_argument("--write", action="store_true", help="write a commented settings.toml, if there is none")
    topic = commands.add_parser(
        "help",
        help="print a section of the runbook, docs/operations.md, or the help of a command",
        description="Print a section of the runbook, docs/operations.md: what the screen shows, what is true, what to "
        "do. With the name of a command, print its help. Without TOPIC, list the sections.",
    )
    topic.add_argument("topic", metavar="TOPIC", nargs="?", help="such as `cancelling`, or a command")


def _shell(text: str) -> str:
    if text not in SHELLS:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(SHELLS)}")
    return text


def _config(commands: Any) -> None:
    config = commands.add_parser(
        "config",
        help="check turnout.toml, show what holds for an environment, explain a key",
        description="Check turnout.toml, show what holds for an environment, explain a key. No server is asked.",
    )
    actions = config.add_subparsers(dest="action", metavar="ACTION", parser_class=Parser, required=True)
    check = add_command(
        actions, "check", "say all faults of turnout.toml", "No server is asked. Exits with 2 if there is a fault."
    )
    _common(check)
    show = add_command(
        actions,
        "show",
        "show what holds for an environment, and from where each value comes",
        "Keys that have no value are left out, and what may be a secret is `***`. No server is asked.",
    )
    add_environment(show)
    _common(show)
    docs = actions.add_parser(
        "docs",
        help="print what docs/configuration.md says of a key or a table",
        description="Print what docs/configuration.md says of a key or a table; all of it without KEY.",
    )
    docs.add_argument("key", metavar="KEY", nargs="?", help="such as `deploy.keep`, `keep`, `hooks`")


def _common(parser: Parser) -> None:
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON lines; the last one is the result")
