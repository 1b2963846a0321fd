"""Many events as few lines: what a fleet's servers say within a second differs by server and time only (pure).

A line has the events of one kind and of the same other values together, and of each what is its own:

    {"event": "several", "operation": "…", "time": 1764170000.123, "of": [
        {"event": "phase-finished", "phase": "upload", "outcome": "ok",
         "at": [0, 2], "server": ["web1", "web2"], "time": [0, 31], "seconds": [0.4, 0.412]}]}

`at` is an event's place in the line; `time` in milliseconds after that of the line. A value that all have stands alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.events import Event, HookOutput, from_json

SEVERAL = "several"
WORTH = 8
"""Events from which on a line of several is shorter than their own lines."""
MOST = 1000
"""Events of a line that are read: it came from a server."""
_OWN = ("server", "time", "seconds", "sent", "files", "line")
"""What is each event's own; `at` comes in addition."""


def layers(events: Sequence[Event]) -> list[list[Event]]:
    """The events in an order that is the same for each server, with all output apart.

    What concerns the whole fleet stays where it is, in a layer of its own.
    """
    found: list[list[Event]] = []
    first = 0
    depth: dict[str, int] = {}
    for event in events:
        if not event.server:
            found.append([event])
            first, depth = len(found), {}
            continue
        place = depth.get(event.server, 0)
        if place % 2 != isinstance(event, HookOutput):
            place += 1
        depth[event.server] = place
        while len(found) <= first + place:
            found.append([])
        found[first + place].append(event)
    return [layer for layer in found if layer]


def lines(events: Sequence[Event], longest: int) -> Iterator[tuple[str, int]]:
    """The events as lines of JSON, and how many are in each: alone where they are few, else together.

    longest   characters of a line of several
    """
    if len(events) < WORTH:
        yield from ((json.dumps(event.to_json()), 1) for event in events)
        return
    whole = _several([event.to_json() for event in events]) if len(events) <= MOST else ""
    if whole and len(whole) <= longest:
        yield whole, len(events)
        return
    middle = len(events) // 2
    yield from lines(events[:middle], longest)
    yield from lines(events[middle:], longest)


def _several(rows: Sequence[Mapping[str, Any]]) -> str:
    began = min(row["time"] for row in rows)
    alike: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    for place, row in enumerate(rows):
        key = json.dumps([(name, value) for name, value in row.items() if name not in _OWN])
        alike.setdefault(key, []).append((place, row))
    groups = []
    for same in alike.values():
        _, first = same[0]
        group = {name: value for name, value in first.items() if name not in _OWN and name != "operation"}
        group["at"] = [place for place, _ in same]
        for name in _OWN:
            if name not in first:
                continue
            values = [row[name] for _, row in same]
            if name == "time":
                values = [round((value - began) * 1000) for value in values]
            elif name == "seconds":
                values = [round(value, 3) for value in values]
            alone = name != "time" and len(set(values)) == 1
            group[name] = values[0] if alone else values
        groups.append(group)
    head = {"event": SEVERAL, "operation": rows[0]["operation"], "time": began, "of": groups}
    return json.dumps(head, separators=(",", ":"))


def events_of(line: str) -> list[Event]:
    """The events in a line; what is none, or of a wrong type, is left out."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return []
    if not isinstance(data, dict) or data.get("event") != SEVERAL:
        event = from_json(data)
        return [] if event is None else [event]
    found = {place: event for group in _listed(data.get("of")) for place, event in _read(data, group)}
    return [found[place] for place in sorted(found)]


def _read(line: Mapping[str, Any], group: object) -> Iterator[tuple[int, Event]]:
    """The events of a group, and their places."""
    began = line.get("time")
    if not isinstance(group, dict) or not isinstance(began, int | float):
        return
    fixed = {name: value for name, value in group.items() if name not in _OWN and name != "at"}
    for number, place in enumerate(_listed(group.get("at"))[:MOST]):
        own: dict[str, Any] = {}
        for name in _OWN:
            value = group.get(name)
            if isinstance(value, list):
                value = value[number] if number < len(value) else None
            if value is not None:
                own[name] = value
        later = own.get("time")
        if type(place) is not int or not isinstance(later, int | float):
            continue
        event = from_json({**fixed, "operation": line.get("operation"), **own, "time": began + later / 1000})
        if event is not None:
            yield place, event


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
