"""`bake` of turnout.toml: what cannot work about checks that go on for a while after a switch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.config import values
from core.config.placing import environments_of, listed, reached
from core.config.table import Broken
from core.text import duration

STAGED = "staged"
"""`when` of a check that is tried on the staged release, before anything switches."""

Listed = tuple[int, Mapping[str, Any]]
"""A check of the file, with its place."""


def baking(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rules that an environment bakes only what goes on there, and that a log is counted while something bakes:
    right after the switch it says nothing. Of the whole file.
    """
    known = environments_of(table)
    checks = [(index, check) for index, check in enumerate(listed(table, "checks")) if isinstance(check, dict)]
    checks = [(index, check) for index, check in checks if check.get("when") != STAGED]
    said: set[tuple[str | int, ...]] = set()
    for name, environment in known.items():
        here = [(index, check) for index, check in checks if name in reached(check, known)]
        if values.written_seconds(environment.get("bake")):
            yield from _unused(name, [check for _, check in here])
        for place, message, hint in _logs(environment, here):
            if place not in said:  # once, however many environments it concerns
                said.add(place)
                yield place, message, hint


def _unused(name: str, checks: Sequence[Mapping[str, Any]]) -> Iterator[Broken]:
    """Why an environment's `bake` does nothing there."""
    place = ("environments", name, "bake")
    if not checks:
        yield place, "has nothing to bake: no check after the switch is for this environment", "[[checks]]"
    elif all("bake" in check for check in checks):
        yield place, "has nothing to bake: each check here has a `bake` of its own", "leave one of the two out"


def _logs(environment: Mapping[str, Any], checks: Sequence[Listed]) -> Iterator[Broken]:
    for index, check in checks:
        if "log" not in check:
            continue
        seconds = values.written_seconds(check.get("bake", environment.get("bake", 0)))
        interval = values.written_seconds(check.get("interval"))
        if seconds == 0 and "bake" in check:
            message = "must be more than 0 for a log: it is counted while it bakes"
            yield ("checks", index, "bake"), message, 'bake = "5m"'
        elif seconds == 0:
            yield ("checks", index), "counts what is answered while it bakes: `bake` is missing", 'bake = "5m"'
        elif seconds and interval and interval > seconds:
            message = f"is longer than it bakes, {duration(seconds)}: it would be counted only at the end"
            yield ("checks", index, "interval"), message, "make it shorter, or `bake` longer"
