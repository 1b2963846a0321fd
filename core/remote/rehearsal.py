"""A deploy root of its own inside a server's, in which `turnout doctor` rehearses a deploy; over the same agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from core.errors import ConnectError
from core.protocol.answers import Answer
from core.remote.agent import Agent, Waiting
from core.remote.launch import DOCTOR, travelling

WITHIN = 60.0
"""Seconds for each answer: what is rehearsed is tiny, so a server that takes longer is not waited for."""


class Understudy(Agent):
    """An agent whose verbs work in `folder` in place of the deploy root."""

    def __init__(self, agent: Agent, folder: str) -> None:
        self._agent = agent
        self._folder = folder

    @property
    def started(self) -> bool:
        return self._agent.started

    @property
    def alive(self) -> bool:
        return self._agent.alive

    @property
    def rtt(self) -> float:  # type: ignore[override]
        return self._agent.rtt

    @property
    def round_trips(self) -> int:  # type: ignore[override]
        return self._agent.round_trips

    def ask_for_beat(self) -> float:
        return self._agent.ask_for_beat()

    def silent(self, detail: str) -> ConnectError:
        return self._agent.silent(detail)

    def requests(self, batch: Sequence[tuple[str, Sequence[str | bytes]]], **how: Unpack[Waiting]) -> list[Answer]:
        inside = [travelling("in", (self._folder, verb, *words), DOCTOR) for verb, words in batch]
        how["within"] = min(how.get("within", WITHIN), WITHIN)
        return self._agent.requests(inside, **how)
