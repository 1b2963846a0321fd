"""The words of `turnout store`."""

from __future__ import annotations

import argparse
from typing import Any

from tui.cli.parsing import Parser, add_command, add_environment, duration


def add_store_command(commands: Any) -> None:
    store = commands.add_parser(
        "store",
        help="put a tree into the store, list, verify or prune what is there",
        description="Put a tree into the store, list, verify or prune what is there. docs/store.md tells how it works.",
    )
    actions = store.add_subparsers(dest="action", metavar="ACTION", parser_class=Parser, required=True)
    push = add_command(
        actions,
        "push",
        "make the tree of a revision and put it into the store",
        "No server is asked. `turnout deploy ENV --from-store` deploys it, from any machine.",
    )
    add_environment(push)
    push.add_argument("--ref", metavar="REV", help="branch, tag or commit (default: `ref` of the project)")
    push.add_argument("--again", action="store_true", help="put it there once more: what is there is not right")
    push.add_argument("--rebuild", action="store_true", help="run the build commands even if there is a saved build")
    _common(push)
    listing = add_command(actions, "list", "list the trees in the store", "No server is asked.")
    add_environment(listing)
    _common(listing)
    verify = add_command(
        actions,
        "verify",
        "read all that is in the store, and compare it with its checksums",
        "No server is asked. Exits with 1 if something is missing or not what was pushed.",
    )
    _common(verify)
    prune = add_command(
        actions,
        "prune",
        "remove what nothing needs from the store",
        "Removes trees that no record on any server of any environment names, and old packs of changes. Refused if a\n"
        "server cannot be asked.",
    )
    prune.add_argument(
        "--unused-for",
        metavar="DURATION",
        type=duration,
        default=7 * 86400.0,
        help="keep what was written since then (default: 168h)",
    )
    prune.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    prune.add_argument("--yes", action="store_true", help="do not ask; required without a terminal")
    _common(prune)


def _common(parser: Parser) -> None:
    parser.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help="the configuration file")
    parser.add_argument("--json", action="store_true", help="print JSON lines; the last one is the result")
