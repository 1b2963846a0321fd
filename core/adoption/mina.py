"""Mina: `releases/12` with the commit in `.mina_git_revision`, a clone in `scm/`, an absolute link, no log, and
`deploy.lock` while it works.

A release whose deploy failed is removed. Source: data/deploy.sh.erb, tasks/mina/git.rb.
"""

from __future__ import annotations

import re

from core.adoption.traces import Tool, Traces, by_name
from core.records import TheirLock

LOCK = "deploy.lock"
_NAME = re.compile(r"[0-9]{1,14}")


def recognise(traces: Traces) -> bool:
    return "scm" in traces.signs and bool(traces.named(_NAME))


def locks(traces: Traces) -> tuple[TheirLock, ...]:
    return (TheirLock(tool="Mina", path=LOCK, since=traces.locks[LOCK][0]),) if LOCK in traces.locks else ()


TOOL = Tool("Mina", recognise, by_name(_NAME), locks)
