"""A deploy root of its own inside a server's, in which `turnout doctor` rehearses a deploy; over the same agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from core.protocol.answers import Answer
from core.remote.agent import Agent, Waiting
from core.remote.launch import doctor_program

WITHIN = 60.0
"""Seconds for each answer: what is rehearsed is tiny, so a server that takes longer is not waited for."""


def travelling(
    verb: str, words: Sequence[str | bytes], program: str | None = None
) -> tuple[str, tuple[str | bytes, ...]]:
    """A request for a verb of a program that travels with it: of doctor.sh, where no other is given."""
    return "with", (doctor_program() if program is None else program, verb, *words)


class Understudy(Agent):
    """An agent whose verbs work in `folder` in place of the deploy root."""

    def __init__(self, agent: Agent, folder: str) -> None:
        self._agent = agent
        self._folder = folder

    @property
    def alive(self) -> bool:
        return self._agent.alive

    @property
    def rtt(self) -> float:  # type: ignore[override]
        return self._agent.rtt

    @property
    def round_trips(self) -> int:  # type: ignore[override]
        return self._agent.round_trips

    def requests(self, batch: Sequence[tuple[str, Sequence[str | bytes]]], **how: Unpack[Waiting]) -> list[Answer]:
        inside = [travelling("in", (self._folder, verb, *words)) for verb, words in batch]
        how["within"] = min(how.get("within", WITHIN), WITHIN)
        return self._agent.requests(inside, **how)
