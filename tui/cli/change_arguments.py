"""The words of the commands that change servers, and what each asks the engine for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tui.cli.parsing import add_changing, add_command, add_environment, add_waiting

if TYPE_CHECKING:
    from core import Request


def add_change_commands(commands: Any) -> None:
    """deploy, rollback, prune, pin, unpin and recover. `request` makes what the engine is asked for from the words.

    recover has none: it looks first what was interrupted (tui.cli.recovering).
    """
    _deploy(commands)
    _rollback(commands)
    _prune(commands)
    _pin(commands)
    _unpin(commands)
    _recover(commands)


def _deploy(commands: Any) -> None:
    deploy = add_command(commands, "deploy", "send a revision to every server, then switch all of them at once")
    add_environment(deploy)
    deploy.add_argument("--ref", metavar="REV", help="branch, tag or commit (default: `ref` of the project)")
    deploy.add_argument("--tag", help="the new release's name (default: UTC time and revision)")
    deploy.add_argument("--rebuild", action="store_true", help="run the build commands even if there is a saved build")
    add_waiting(deploy)
    add_changing(deploy)

    def request(words: argparse.Namespace) -> Request:
        from core import DeployRequest

        return DeployRequest(ref=words.ref, tag=words.tag, rebuild=words.rebuild)

    deploy.set_defaults(request=request)


def _rollback(commands: Any) -> None:
    rollback = add_command(commands, "rollback", "switch every server back to a release")
    add_environment(rollback)
    rollback.add_argument("tag", metavar="TAG", nargs="?", help="the release (default: undo the last switch)")
    rollback.add_argument(
        "--across-migrations",
        action="store_true",
        help="with --yes: roll back even to a release that lacks migrations of the live one",
    )
    add_waiting(rollback)
    add_changing(rollback)

    def request(words: argparse.Namespace) -> Request:
        from core import RollbackRequest

        return RollbackRequest(tag=words.tag, across_migrations=words.across_migrations)

    rollback.set_defaults(request=request)


def _prune(commands: Any) -> None:
    prune = add_command(
        commands,
        "prune",
        "remove the files of old releases; keep their records",
        "Without TAG, --keep or --cache, it removes all releases beyond the project's `keep`. "
        "The live release, the previous one and pinned ones are never removed.",
    )
    add_environment(prune)
    prune.add_argument("tags", metavar="TAG", nargs="*", help="releases to remove")
    prune.add_argument("--keep", metavar="N", type=_at_least_one, help="remove all releases beyond the newest N")
    prune.add_argument("--cache", action="store_true", help="also empty the deploy-cache; the next deploy sends all")
    prune.add_argument("--force", action="store_true", help="also remove releases that a running process uses")
    add_waiting(prune)
    add_changing(prune)

    def request(words: argparse.Namespace) -> Request:
        from core import PruneRequest

        return PruneRequest(tags=tuple(words.tags), keep=words.keep, cache=words.cache, force=words.force)

    prune.set_defaults(request=request)


def _pin(commands: Any) -> None:
    pin = add_command(
        commands,
        "pin",
        "keep a release from being pruned until it is unpinned",
        "Pins it on every server of the environment, including servers that do not have its files yet.\n"
        "`turnout releases` shows which releases are pinned.",
    )
    add_environment(pin)
    pin.add_argument("tag", metavar="TAG", help="the release")
    pin.add_argument("-m", "--why", default="", metavar="WHY", help="the reason, which `turnout releases` shows")
    add_waiting(pin)
    add_changing(pin)

    def request(words: argparse.Namespace) -> Request:
        from core import PinRequest

        return PinRequest(words.tag, why=words.why)

    pin.set_defaults(request=request)


def _unpin(commands: Any) -> None:
    unpin = add_command(commands, "unpin", "let a release be pruned again")
    add_environment(unpin)
    unpin.add_argument("tag", metavar="TAG", help="the release")
    add_waiting(unpin)
    add_changing(unpin)

    def request(words: argparse.Namespace) -> Request:
        from core import PinRequest

        return PinRequest(words.tag, pinned=False)

    unpin.set_defaults(request=request)


def _recover(commands: Any) -> None:
    recover = add_command(
        commands,
        "recover",
        "show what an interrupted operation did, and finish or undo it",
        "Without --finish or --undo, it asks which. If it cannot ask, it exits with 5 if an operation was\n"
        "interrupted, and with 0 if none was.",
    )
    add_environment(recover)
    ways = recover.add_mutually_exclusive_group()
    ways.add_argument(
        "--finish", dest="way", action="store_const", const="finish", help="switch every server to the new release"
    )
    ways.add_argument(
        "--undo", dest="way", action="store_const", const="undo", help="switch every server back to the release it had"
    )
    add_waiting(recover)
    add_changing(recover)


def _at_least_one(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of releases to keep, 1 or more")
    return number
