"""Which servers the servers pane lists, and in which order: trouble first, the rest folded; sorted; filtered (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from core.text import count
from tui.view.conditions import WAITING
from tui.view.fleet import FleetView, ServerView
from tui.view.formats import short_tag
from tui.view.glyphs import Glyphs
from tui.view.health import is_trouble, worst_first
from tui.view.lines import Line, line
from tui.view.terms import parse_terms

FEW = 16
"""Servers up to which each is listed in the order of turnout.toml; from there on trouble comes first."""

LEAST_OF_REVISION = 4
"""Characters of a filter's word from which it finds the servers whose live release has a revision that begins so."""

FOLD = "▸"
"""The key of the row that stands for all servers that are as they should be; no server has that name."""

TROUBLE, AS_LISTED, BY_NAME, BY_RELEASE, BY_LATENCY = "trouble first", "as listed", "name", "release", "latency"
ORDERS = (TROUBLE, AS_LISTED, BY_NAME, BY_RELEASE, BY_LATENCY)
"""How the servers may be sorted; the first of them for a large fleet."""


def server_keys(fleet: FleetView, text: str, order: str, *, unfolded: bool) -> list[str]:
    """The rows of the servers pane: names, and FOLD in place of those that are as they should be.

    text   the filter: see `matches`; what it finds is never folded     order   one of ORDERS; "" for the usual one
    """
    chosen = [server for server in fleet.servers if matches(server, fleet, text)]
    order = order or usual_order(fleet)
    if order != TROUBLE:
        return [server.name for server in in_order(chosen, fleet, order)]
    trouble = worst_first([server for server in chosen if is_trouble(server, fleet)], fleet)
    rest = [server.name for server in chosen if not is_trouble(server, fleet)]
    names = [server.name for server in trouble]
    if text or len(fleet.servers) <= FEW:
        return [*names, *rest]
    fold = [FOLD] if rest else []
    return [*names, *fold, *(rest if unfolded else [])]


def usual_order(fleet: FleetView) -> str:
    """How a fleet is listed as long as nobody sorts it."""
    return AS_LISTED if len(fleet.servers) <= FEW else TROUBLE


def in_order(servers: Sequence[ServerView], fleet: FleetView, order: str) -> list[ServerView]:
    """The servers sorted; those of which nothing is known come last."""
    if order == BY_NAME:
        return sorted(servers, key=lambda server: server.name)
    if order == BY_RELEASE:
        return sorted(servers, key=lambda server: fleet.places.get(_release(server), len(fleet.rows)))
    if order == BY_LATENCY:
        return sorted(servers, key=lambda server: -(server.state.rtt if server.state and server.answers else -1.0))
    return list(servers)


def _release(server: ServerView) -> str:
    return server.state.current if server.state is not None and server.answers else ""


_FIELDS: Mapping[str, Callable[[ServerView, FleetView], str]] = {
    "name": lambda server, fleet: server.name,
    "state": lambda server, fleet: f"{fleet.condition(server)} {'locked' if _locked(server) else ''}",
    "release": lambda server, fleet: _release(server),
    "role": lambda server, fleet: " ".join(server.roles),
}
"""By what stands before the colon of a filter's word: where it is looked for."""


def matches(server: ServerView, fleet: FleetView, text: str) -> bool:
    """Whether a server is what a filter asks for: each word is found in it, or in the field before the word's colon.

    `name:`; `state:` behind, ahead, live, dark, down …; `release:` a part of its tag; `role:`; `-` excludes.
    A word without a field is a part of its name, or the start of its state, its revision or one of its roles.
    """
    for term in parse_terms(text, _FIELDS):
        if term.field:
            found = term.text in _FIELDS[term.field](server, fleet).casefold()
        else:
            found = _finds(term.text, server, fleet)
        if found == term.without:
            return False
    return True


def _finds(text: str, server: ServerView, fleet: FleetView) -> bool:
    """Whether a word without a field finds a server. A digit or two would be the start of many revisions."""
    revision = short_tag(_release(server)) if len(text) >= LEAST_OF_REVISION else ""
    words = (*_FIELDS["state"](server, fleet).split(), *server.roles, revision)
    return text in server.name.casefold() or any(word.casefold().startswith(text) for word in words)


def _locked(server: ServerView) -> bool:
    return server.state is not None and server.state.lock is not None


def without_trouble(fleet: FleetView) -> list[str]:
    """The servers that FOLD stands for."""
    return [server.name for server in fleet.servers if not is_trouble(server, fleet)]


def fold_line(fleet: FleetView, glyphs: Glyphs, *, unfolded: bool) -> Line:
    """`▸ 94 as they should be`; those that were not looked at yet are no part of them."""
    sign, act = (glyphs.open, " folds them away") if unfolded else (glyphs.now, " shows them")
    names = without_trouble(fleet)
    waiting = sum(1 for name in names if fleet.conditions[name] == WAITING)
    good = len(names) - waiting
    said = [f"{good} as {'it' if good == 1 else 'they'} should be"] if good else []
    said += [f"{count(waiting, 'server')} not checked yet"] if waiting else []
    return line(
        (f"{sign} ", "accent"),
        ", ".join(said),
        ("   Enter", "key"),
        (act, "dim"),
    )
