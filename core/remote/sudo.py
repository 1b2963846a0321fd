"""What sudo says where it does not run a program as another user, and what would be right there (pure)."""

from __future__ import annotations

import re
from typing import NamedTuple

from core.text import clean_lines

PROGRAM = "/bin/sh"
"""What sudo is asked to run, whatever it is for: a rule for it is enough."""

_FILE = "visudo -f /etc/sudoers.d/turnout"
_ABSENT = re.compile(r"\benv: .*\bsudo\b.*(no such file|not found|can't execute)|\benv: can't execute .*\bsudo\b", re.I)
_SPOKE = re.compile(r"^sudo(-rs)?: |^Sorry, user ", re.MULTILINE)


class Refused(NamedTuple):
    """Why sudo ran nothing: what happened, sudo's own words, and what to do about it."""

    title: str
    detail: str
    hint: str


def rule(login: str, account: str) -> str:
    """The line for sudoers with which a login may work as another user."""
    return f"{_escaped(login)} ALL=({_escaped(account)}) NOPASSWD: {PROGRAM}"


def refused(said: str, login: str, account: str, key: str = "become") -> Refused | None:
    """What a server's words mean, if they are sudo's: that it did not run a program as `account`.

    said   in the C locale, what came in place of the program's own output
    key    the key of turnout.toml that names the account
    """
    if not _SPOKE.search(said) and not _ABSENT.search(said):
        return None
    title, hint = _meaning(said, login, account, key)
    words = "\n".join(line[:300] for line in clean_lines(said).strip().splitlines()[-5:])
    return Refused(title, words, hint)


def _meaning(said: str, login: str, account: str, key: str) -> tuple[str, str]:
    """The title and the hint."""
    add = f"a line for sudoers on the server ({_FILE}): {rule(login, account)}"
    if _ABSENT.search(said):
        return "there is no sudo on the server", f"install it, or log in as {account} and leave `{key}` out"
    said = said.lower()
    if "must have a tty" in said:
        return (
            f"sudo runs nothing as {account} without a terminal (requiretty)",
            f"a line for sudoers on the server ({_FILE}): Defaults:{_escaped(login)} !requiretty",
        )
    if "unknown user" in said or "unknown uid" in said or re.search(r"user \S+ not found", said):
        return f"there is no user {account} on the server", f"create that user there, or correct `{key}`"
    if "password is required" in said or "authentication is required" in said or "no tty present" in said:
        return f"sudo asks {login} for a password to run commands as {account}", add
    if "not allowed" in said or "may not run" in said or "not in the sudoers" in said or "can't do that" in said:
        return f"sudo does not let {login} run commands as {account}", add
    return f"sudo ran nothing as {account}", f"try it there as {login}: sudo -n -u {account} {PROGRAM} -c id"


def _escaped(name: str) -> str:
    """A name as sudoers takes it."""
    return re.sub(r"([\\,:=()!\"# ])", r"\\\1", name)
