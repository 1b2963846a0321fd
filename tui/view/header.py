"""The first line of the screen: the environment, the condition of its servers, how old that information is (pure)."""

from __future__ import annotations

import itertools

from core.text import count
from tui.view import conditions, health
from tui.view.fleet import FleetView
from tui.view.formats import age
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, crop, line, width
from tui.view.names import least_listed, listed

Part = tuple[str, str, list[str]]
"""Words about some servers, their role, and the servers' names, if they are exceptions."""


def headline(fleet: FleetView, cells: int = 1000, dot: str = "·") -> Line:
    """How the servers are, in so many cells where that is possible: those that are well counted, the others named."""
    parts = _parts(fleet)
    texts = [text for text, _, _ in parts]
    for index, (text, _, names) in enumerate(parts):
        room = cells - sum(len(said) for said in texts) - 3 * (len(texts) - 1)
        spare = room + len(text) - len(_word(text)) - 2
        named = listed(names, spare) if names else ""
        texts[index] = f"{_word(text)}: {named}" if named else text
    spans: list[Span] = []
    for text, (_, role, _) in zip(texts, parts, strict=True):
        spans += [Span(f" {dot} ", "dim")] if spans else []
        spans.append(Span(text, role))
    return tuple(spans)


def _least_named(fleet: FleetView) -> int:
    """Cells of the shortest headline that names one server at least of each exception."""
    texts = []
    for text, _, names in _parts(fleet):
        texts.append(f"{_word(text)}: {least_listed(names)}" if names else text)
    return len(" · ".join(texts))


def _word(text: str) -> str:
    """`behind` of `3 behind`."""
    return text.partition(" ")[2] if text[:1].isdigit() else text


def _parts(fleet: FleetView) -> list[Part]:
    total, found = len(fleet.servers), health.counts(fleet)
    answering = len(fleet.answering)
    if not answering:
        if found[conditions.WAITING] == total:
            return [(f"connecting to {count(total, 'server')}", "busy", [])]
        if not found[conditions.WAITING]:
            said = "the server does not answer" if total == 1 else f"none of {count(total, 'server')} answers"
            return [(said, "bad", [])]
    parts: list[Part] = []
    same = found[conditions.LIVE] + found[conditions.EMPTY] * (not fleet.live)
    if same == answering:
        parts.append((f"{answering} of {total} answer", "ok" if same == total else "", []))
    else:
        parts.append((f"{found[conditions.LIVE]} live", "ok", []))
    if answering and not fleet.live and found[conditions.EMPTY]:
        parts.append(("no release is live yet", "dim", []))
    dark = health.named(fleet, conditions.DARK, conditions.REFUSED)
    for found_as, word in conditions.WORDS.items():
        names = dark if found_as == conditions.REFUSED else health.named(fleet, found_as)
        skipped = found_as in (conditions.LIVE, conditions.DARK) or (found_as == conditions.EMPTY and not fleet.live)
        if names and not skipped:
            parts.append(
                (f"{len(names)} {word}", conditions.ROLES[found_as], names if found_as != conditions.WAITING else [])
            )
    return parts


def seen(fleet: FleetView, now: float) -> str:
    """How old the picture is: that of the server which was seen longest ago of those that answer; else the last one."""
    if fleet.seen_at:
        since = age(max(now - fleet.seen_at, 0))
        return "seen now" if since == "now" else f"seen {since} ago"
    last = max((server.seen_at for server in fleet.servers), default=0.0)
    return f"last seen {age(max(now - last, 2))} ago" if last else ""


def checking(fleet: FleetView, now: float) -> str:
    """`checking 2 of 5`: what takes longer than a moment; "" for nothing."""
    slow = [server for server in fleet.servers if server.checking and now - server.asked > 1.0]
    if not slow:
        return ""
    return f"checking {len(slow)} of {len(fleet.servers)}" if len(slow) > 1 else f"checking {slow[0].name}"


def header_line(fleet: FleetView, cells: int, glyphs: Glyphs, now: float) -> Line:
    """The first line of the screen: project and environment at the left, the fleet and the picture's age at the right.

    The environment, and that it is read-only, are never left out. Where it is narrow, what is being checked goes
    first, then the age of the picture, then the word for a protected environment: before all of them, names of servers
    that are not as they should be. Where even those do not fit, the servers are counted.
    """
    edge, dot = glyphs.edge, f" {glyphs.dot} "
    name = line((f" {fleet.project} ", "strong"), (f"{edge}{fleet.environment}{edge}", "env"))
    name += line((" READ ONLY", "strong")) if fleet.read_only else ()
    lock = line((" protected", "env")) if fleet.protected else ()
    age_words, busy = seen(fleet, now), checking(fleet, now)
    best: Line = name
    empty: Line = ()
    ways: tuple[tuple[list[str], Line], ...] = (
        ([busy, age_words], lock), ([age_words], lock), ([age_words], empty), ([], empty),
    )  # fmt: skip
    counted = width(headline(fleet, 0, glyphs.dot))
    for least, (notes, marks) in itertools.product((_least_named(fleet), counted), ways):
        note = "".join(dot + text for text in notes if text)
        best = (*name, *marks)
        room = cells - width(best) - len(note) - 3
        if room >= least or (least == counted and not (notes or marks)):
            sentence = crop(headline(fleet, max(room, 0), glyphs.dot), max(room, 0), glyphs.more)
            gap = max(cells - width(best) - width(sentence) - len(note) - 1, 1)
            best = (*best, Span(" " * gap), *sentence, Span(note + " "))
            break
    return crop(best, cells, glyphs.more)
