"""The words of the commands that change servers, and what each asks the engine for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tui.cli.parsing import Parser, add_at_once, add_changing, add_command, add_environment, add_hold, add_waiting

if TYPE_CHECKING:
    from core import Request


def add_change_commands(commands: Any) -> None:
    """All commands that change servers. `request` makes what the engine is asked for from the words.

    `request` makes what the engine is asked for from the words. recover has none: it looks first what was interrupted
    (tui.cli.recovering).
    """
    _deploy(commands)
    _promote(commands)
    _rollback(commands)
    _prune(commands)
    _adopt(commands)
    _pin(commands)
    _block(commands)
    _freeze(commands)
    _recover(commands)


def _deploy(commands: Any) -> None:
    deploy = add_command(commands, "deploy", "send a revision to every server, then switch them, at once or in batches")
    add_environment(deploy)
    deploy.add_argument("--ref", metavar="REV", help="branch, tag or commit (default: `ref` of the project)")
    deploy.add_argument("--tag", help="the new release's name (default: UTC time and revision)")
    deploy.add_argument(
        "--revision", metavar="NAME", help="what a directory or archive was built from: a commit, or a version"
    )
    deploy.add_argument(
        "--from-store", action="store_true", help="deploy what `turnout store push` put there, build nothing here"
    )
    deploy.add_argument("--rebuild", action="store_true", help="run the build commands even if there is a saved build")
    add_hold(deploy)
    add_at_once(deploy)
    add_waiting(deploy)
    add_changing(deploy, freezable=True)

    def request(words: argparse.Namespace) -> Request:
        from core import DeployRequest

        return DeployRequest(
            words.ref, words.tag, words.rebuild, words.revision, words.from_store, at_once=words.at_once
        )

    deploy.set_defaults(request=request)


def _promote(commands: Any) -> None:
    promote = add_command(
        commands,
        "promote",
        "deploy exactly what is live in another environment",
        "Nothing is built. The files come from this machine if it has exactly this tree, else from a server of FROM,\n"
        "each compared with the release's manifest. The release keeps its tag, unless TO has other content under it.\n"
        "Refused if the servers of FROM differ, or if files there were changed since the deploy.",
    )
    promote.add_argument("source", metavar="FROM", help="the environment whose live release is deployed")
    promote.add_argument("environment", metavar="TO", help="the environment to deploy to")
    add_hold(promote)
    add_at_once(promote)
    add_waiting(promote)
    add_changing(promote, freezable=True)

    def request(words: argparse.Namespace) -> Request:
        from core import PromoteRequest

        return PromoteRequest(words.source, at_once=words.at_once)

    promote.set_defaults(request=request)


def _rollback(commands: Any) -> None:
    rollback = add_command(commands, "rollback", "switch every server back to a release")
    add_environment(rollback)
    rollback.add_argument("tag", metavar="TAG", nargs="?", help="the release (default: undo the last switch)")
    rollback.add_argument(
        "--across-migrations",
        action="store_true",
        help="with --yes: roll back even to a release that lacks migrations of the live one",
    )
    rollback.add_argument(
        "--no-hooks", action="store_true", help="run no hooks, but those that make a release whose files are gone"
    )
    add_hold(rollback)
    add_at_once(rollback)
    add_waiting(rollback)
    add_changing(rollback, freezable=True)

    def request(words: argparse.Namespace) -> Request:
        from core import RollbackRequest

        return RollbackRequest(
            tag=words.tag, across_migrations=words.across_migrations, no_hooks=words.no_hooks, at_once=words.at_once
        )

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
    prune.add_argument(
        "--for-ever", action="store_true", help="with --yes: also remove releases that nothing can make again"
    )
    prune.add_argument("--force", action="store_true", help="also remove releases that a running process uses")
    add_waiting(prune)
    add_changing(prune, freezable=True)

    def request(words: argparse.Namespace) -> Request:
        from core import PruneRequest

        return PruneRequest(
            tags=tuple(words.tags),
            keep=words.keep,
            cache=words.cache,
            force=words.force,
            # Without --yes a person reads in the plan what is gone for ever, and agrees or not.
            for_ever=words.for_ever or not words.yes,
        )

    prune.set_defaults(request=request)


def _adopt(commands: Any) -> None:
    adopt = add_command(
        commands,
        "adopt",
        "take over the releases that another tool made",
        "Writes a record for each of them, with what that tool's files tell: who, when, which revision, what failed.\n"
        "No release is touched. The records have no digest, so nothing is compared with them, and nothing sent again.\n"
        "A deploy-cache that the other tool filled becomes Turnout's: switch that tool off first.",
    )
    add_environment(adopt)
    adopt.add_argument("--undo", action="store_true", help="remove those records again")
    add_waiting(adopt)
    add_changing(adopt)

    def request(words: argparse.Namespace) -> Request:
        from core import AdoptRequest

        return AdoptRequest(undo=words.undo)

    adopt.set_defaults(request=request)


def _pin(commands: Any) -> None:
    pin = add_command(
        commands,
        "pin",
        "keep a release from being pruned until it is unpinned",
        "Pins it on every server of the environment, including servers that do not have its files yet.\n"
        "`turnout releases` shows which releases are pinned.",
    )
    _noticing(pin, "PinRequest", pinned=True)
    unpin = add_command(commands, "unpin", "let a release be pruned again")
    _noticing(unpin, "PinRequest", pinned=False)


def _block(commands: Any) -> None:
    block = add_command(
        commands,
        "block",
        "make undo skip a release until it is unblocked",
        "Needs -m, because others read the reason. `turnout rollback` without a tag, and the dashboard's undo, skip\n"
        "it. You can still roll back to it by its tag; the plan then warns.",
    )
    _noticing(block, "BlockRequest", blocked=True)
    unblock = add_command(commands, "unblock", "stop undo from skipping a release")
    _noticing(unblock, "BlockRequest", blocked=False)


def _freeze(commands: Any) -> None:
    freeze = add_command(
        commands,
        "freeze",
        "refuse deploys, rollbacks and prunes until `turnout thaw`",
        "Needs -m: everybody whom it stops reads the reason. Every operator on every machine is refused;\n"
        "`--despite-freeze -m why` overrides this. Pins, blocks and `turnout recover` still work. A freeze on one\n"
        "server is enough: if some do not answer, choose another one with --server.",
    )
    _noticing(freeze, "FreezeRequest", frozen=True)
    _noticing(add_command(commands, "thaw", "end a freeze"), "FreezeRequest", frozen=False)


def _noticing(parser: Parser, kind: str, **fixed: bool) -> None:
    """A command that leaves a notice, or takes it away; about a release where it has a tag."""
    add_environment(parser)
    if kind != "FreezeRequest":
        parser.add_argument("tag", metavar="TAG", help="the release")
    add_waiting(parser)
    add_changing(parser)

    def request(words: argparse.Namespace) -> Request:
        import core

        tag = (words.tag,) if "tag" in words else ()
        made: Request = getattr(core, kind)(*tag, **fixed)
        return made

    parser.set_defaults(request=request)


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
    add_at_once(recover)
    add_waiting(recover)
    add_changing(recover)


def _at_least_one(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of releases to keep, 1 or more")
    return number
