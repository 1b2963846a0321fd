"""What is heard of logs: lines, how it stands with each log on each server, and what was left out (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from core.text import size

NOT_READ = ("failed", "silent")
"""States of a log that was not read, or not to its end."""


class Heard(NamedTuple):
    """One line. `source` is its name in turnout.toml; `file` is "" for a command; `new`: it came while we listened."""

    time: float
    server: str
    source: str
    text: str
    file: str = ""
    new: bool = True


class Standing(Struct, frozen=True):
    """How it stands with one source on one server.

    state   connecting, following, waiting (there is no file yet), silent (the connection is there, and nothing comes),
            ended (the command is through) or failed
    text    what there is to say of it; files   how many match now
    unreachable   there is no connection
    """

    state: str
    text: str = ""
    files: int = 0
    unreachable: bool = False

    @property
    def settled(self) -> bool:
        """Whether what was there has been shown, or there is nothing."""
        return self.state != "connecting"


class Taken(Struct, frozen=True):
    """What came since the last time. `dropped` lines and `skipped` bytes by server were left out before these."""

    lines: Sequence[Heard]
    dropped: Mapping[str, int]
    skipped: Mapping[str, int]


def said_of_gaps(taken: Taken) -> list[tuple[str, str]]:
    """By server: what was left out before these lines, in words."""
    out = []
    for server, lines in taken.dropped.items():
        out.append((server, f"{lines:,} lines left out: they came faster than they were read"))
    for server, number in taken.skipped.items():
        out.append((server, f"{size(number)} left out: the log grows faster than Turnout reads it"))
    return out
