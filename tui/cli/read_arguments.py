"""The words of the commands that read what is on the servers, and of those for others' operations, locks and keys."""

from __future__ import annotations

import argparse
import re
from typing import Any

from tui.cli.parsing import add_command, add_environment, add_reading, number


def add_read_commands(commands: Any) -> None:
    """All commands that ask the servers and put no other release there."""
    releases = add_command(commands, "releases", "list the releases and where they are")
    add_environment(releases)
    add_reading(releases)

    _answer(commands)
    _past(commands)
    _after_a_failure(commands)

    doctor = add_command(commands, "doctor", "check that each server is ready for a deploy; changes nothing")
    add_environment(doctor)
    add_reading(doctor)

    verify = add_command(
        commands,
        "verify",
        "compare a release on each server with its manifest, by checksum",
        "Lists what was changed, added or removed since it was deployed; shared paths and what prepare hooks made are\n"
        "left out. Takes no lock and changes nothing. Exits with 1 for drift, with 3 if a server cannot be reached.",
    )
    add_environment(verify)
    verify.add_argument("tag", metavar="TAG", nargs="?", help="the release (default: the live one)")
    add_reading(verify)

    check = add_command(
        commands,
        "check",
        "try the checks on what is live, without a deploy",
        "Tries each check once on the live release of each server. Takes no lock and changes nothing. Exits with 1 if\n"
        "a check fails, with 3 if a server cannot be reached.",
    )
    add_environment(check)
    add_reading(check)

    _diff(commands)
    _logs(commands)


def _answer(commands: Any) -> None:
    answer = add_command(
        commands,
        "answer",
        "answer the question of a running operation: go, abort, undo …",
        "A deploy that is held, for example, waits for `go`. `turnout watch` shows the question and its choices. The\n"
        "first answer counts. Exits with 1 if the question is closed, and says what happened to it.",
    )
    # Both: ENV may be left out where the project has only one.
    answer.add_argument("words", metavar="[ENV] CHOICE", nargs="+", action=_Choice, help="the environment, the choice")
    answer.add_argument("--question", metavar="ID", default="", help="only if this question is open")
    answer.add_argument("-m", "--reason", default="", metavar="WHY", help="the reason; journals and the log keep it")
    add_reading(answer)


class _Choice(argparse.Action):
    """`[ENV] CHOICE`: the last word is the choice."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        if len(values) > 2:
            parser.error(f"unrecognized arguments: {' '.join(values[2:])}")
        namespace.choice = values[-1]
        if len(values) == 2:
            namespace.environment = values[0]


def _past(commands: Any) -> None:
    """The commands that tell what was done."""
    history = add_command(
        commands,
        "history",
        "list what was done: who, when, why, and how it ended",
        "Reads the journals of all servers. Exits with 3 if some do not answer.",
    )
    add_environment(history)
    history.add_argument(
        "--limit", metavar="N", type=_limit, default=50, help="the last N operations, at most 2000 (default: 50)"
    )
    add_reading(history)

    log = add_command(
        commands,
        "log",
        "show what one operation did, line by line",
        "Each server keeps the events of the last 50 operations.",
    )
    add_environment(log)
    log.add_argument(
        "operation", metavar="OPERATION", nargs="?", help="its id or the beginning of it, or `last` (the default)"
    )
    add_reading(log)


def _fingerprint(text: str) -> str:
    """`SHA256:` and 43 signs of base64, as `ssh-keygen -lf` prints it."""
    found = re.fullmatch(r"SHA256:([A-Za-z0-9+/]{43})=?", text)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a fingerprint such as SHA256:… of `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`"
        )
    return f"SHA256:{found[1]}"


def _limit(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) < 6 else 0
    if not 1 <= number <= 2000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 2000")
    return number


def _diff(commands: Any) -> None:
    diff = add_command(
        commands,
        "diff",
        "show how two releases differ: commits, files, or one file",
        "Commits come from the git repository, files from the manifests on the servers; nothing is sent. A and B are\n"
        "tags, whole or short, commits, `live` or `previous`. Without B, A is compared with the live release;\n"
        "without both, the previous release is. Exits with 0 even if they differ, with 1 if the files are not known\n"
        "or FILE cannot be shown, with 3 if no server can be reached.\n"
        "With two --server, the files of A on the first server are compared, by checksum there, with those of B on\n"
        "the second one; without B, with those of A there.",
    )
    add_environment(diff)
    diff.add_argument(
        "releases", metavar="A [B] [FILE]", nargs="*", help="the old release, the new one, a file of them"
    )
    form = diff.add_mutually_exclusive_group()
    form.add_argument("--files", action="store_true", help="only the paths, with a letter: A, M, D, R")
    form.add_argument("--stat", action="store_true", help="only the files, with a bar of the lines that changed")
    add_reading(diff)


def _logs(commands: Any) -> None:
    logs = add_command(
        commands,
        "logs",
        "follow the application's logs on all servers",
        "Prints each line after its server's name, until Ctrl-C. The logs are those of [[logs]] in turnout.toml.\n"
        "Exits with 0 when it is stopped. With --no-follow it exits with 3 if a server cannot be reached, and with\n"
        "1 if a log cannot be read.",
    )
    add_environment(logs)
    logs.add_argument("names", metavar="NAME", nargs="*", help="only this log (default: all of the environment)")
    logs.add_argument(
        "--role", dest="roles", metavar="ROLE", action="append", help="only servers with this role (may be repeated)"
    )
    logs.add_argument(
        "--lines", metavar="N", type=number, default=10, help="begin with the last N lines of each file (default: 10)"
    )
    logs.add_argument(
        "--no-follow",
        dest="follow",
        action="store_false",
        help="print what is there and exit; a command is read until it prints nothing for 1.5 s",
    )
    logs.add_argument("--grep", metavar="REGEX", help="only lines that match this regular expression")
    add_reading(logs)


def _after_a_failure(commands: Any) -> None:
    """The commands for others' operations, locks and host keys: docs/operations.md tells when."""
    watch = add_command(
        commands,
        "watch",
        "follow a running operation, whoever started it",
        "Exits with the operation's exit code, or with 0 if nothing is running. Ctrl-C stops watching and exits\n"
        "with 0; the operation goes on.",
    )
    add_environment(watch)
    add_reading(watch)

    unlock = add_command(
        commands,
        "unlock",
        "show who has locked the servers, and break a stuck lock",
        "A lock whose process has died is left alone: the next operation takes it over. To break the lock of a\n"
        "running process, type the environment's name when asked, or pass --break. Exits with 4 while a running\n"
        "process holds a lock.",
    )
    add_environment(unlock)
    unlock.add_argument(
        "--break",
        dest="breaks",
        metavar="OPERATION",
        help="break the locks of the operation with this id, without asking; `turnout unlock` shows the id",
    )
    add_reading(unlock)

    trust = add_command(
        commands,
        "trust",
        "list the servers' host keys and record the unknown ones in known_hosts",
        "Includes the keys of gateways. A key that differs from the recorded one is always refused. Exits with 3 if\n"
        "a key has changed, was not accepted or could not be read.",
    )
    add_environment(trust)
    chosen = trust.add_mutually_exclusive_group()
    chosen.add_argument(
        "--yes", action="store_true", help="record unknown keys without asking: this trusts whichever machine answers"
    )
    chosen.add_argument(
        "--fingerprint",
        dest="fingerprints",
        metavar="SHA256:…",
        type=_fingerprint,
        action="append",
        help="record unknown keys with this fingerprint, refuse all others, ask nothing (may be repeated): for CI",
    )
    add_reading(trust)
