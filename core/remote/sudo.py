"""What sudo says where it does not run a program as another user, and what would be right there (pure)."""

from __future__ import annotations

import re
from typing import NamedTuple

from core.remote.launch import SHELL
from core.text import clean_lines

_FILE = "visudo -f /etc/sudoers.d/turnout"
_UNSTARTED = re.compile(r"\benv: .*\bsudo\b.*(no such file|not found|can't execute|permission denied)", re.I)
"""Of env, which looks for sudo. BusyBox says first that it cannot execute it, then why."""
_ALONE = re.compile(r"exec: /usr/bin/env: .*(permission denied|can't execute)", re.I)
"""Of the shell that sudo started, where that may start nothing else."""
_SPOKE = re.compile(r"^sudo(-rs)?: |^Sorry, user |^\S+ is not in the sudoers file", re.MULTILINE)


class Refused(NamedTuple):
    """Why sudo ran nothing: what happened, sudo's own words, and what to do about it."""

    title: str
    detail: str
    hint: str


def rule(login: str, account: str) -> str:
    """The line for sudoers with which a login may work as another user."""
    return f"{_escaped(login)} ALL=({_escaped(account)}) NOPASSWD: {SHELL}"


def refused(said: str, login: str, account: str, key: str = "become") -> Refused | None:
    """What a server's words mean, if they are sudo's: that it did not run a program as `account`.

    said   in the C locale, what came in place of the program's own output
    key    the key of turnout.toml that names the account
    """
    if not any(pattern.search(said) for pattern in (_SPOKE, _UNSTARTED, _ALONE)):
        return None
    title, hint = _meaning(said, login, account, key)
    words = "\n".join(line[:300] for line in clean_lines(said).strip().splitlines()[-5:])
    return Refused(title, words, hint)


def _meaning(said: str, login: str, account: str, key: str) -> tuple[str, str]:
    """The title and the hint."""
    line = f"a line for sudoers on the server ({_FILE})"
    add = f"{line}: {rule(login, account)}"
    without = f"or log in as {account} and leave `{key}` out"
    if unstarted := _UNSTARTED.search(said):
        if "permission denied" in unstarted[0].lower():
            return (
                f"{login} may not start sudo on the server",
                f"add {login} to the group that may (sudo, wheel), {without}",
            )
        return "there is no sudo on the server", f"install it, {without}"
    if _ALONE.search(said):
        return (
            f"what sudo starts as {account} may start nothing itself (NOEXEC)",
            f"{line}: {_may_start(login, account)}",
        )
    said = said.lower()
    if "setuid bit" in said or "effective uid is not 0" in said or "no new privileges" in said:
        needs = "the setuid bit, a file system without nosuid, no NoNewPrivileges in sshd's unit or the container"
        return "sudo has no rights of root on the server", f"it needs {needs}; {without}"
    if "invalid shell for user" in said:
        return (
            f"sudo refuses {account} for the login shell of that user (runas_check_shell)",
            f"{line}: Defaults:{_escaped(login)} !runas_check_shell",
        )
    if "must have a tty" in said:
        return (
            f"sudo runs nothing as {account} without a terminal (requiretty)",
            f"{line}: Defaults:{_escaped(login)} !requiretty",
        )
    if "unknown user" in said or "unknown uid" in said or re.search(r"user \S+ not found", said):
        return f"there is no user {account} on the server", f"create that user there, or correct `{key}`"
    if "password is required" in said or "authentication is required" in said or "no tty present" in said:
        return f"sudo asks {login} for a password to run commands as {account}", add
    if "not allowed" in said or "may not run" in said or "not in the sudoers" in said or "can't do that" in said:
        return f"sudo does not let {login} run commands as {account}", add
    return f"sudo ran nothing as {account}", f"try it there as {login}: sudo -n -u {account} {SHELL} -c id"


def _may_start(login: str, account: str) -> str:
    """The rule, where another one or a default says NOEXEC."""
    return rule(login, account).replace("NOPASSWD:", "NOPASSWD:EXEC:")


def _escaped(name: str) -> str:
    """A name as sudoers takes it."""
    return re.sub(r"([\\,:=()!\"# ])", r"\\\1", name)
