"""What undo goes back to now, in words (pure)."""

from __future__ import annotations

from core.text import count
from tui.view.fleet import FleetView
from tui.view.formats import ago, listing

NAMED = 3
"""Servers that are named where they go back to different releases; more are counted."""


def way_back(fleet: FleetView, now: float) -> str:
    """`back to 9ab01cd, live until 2 h ago`; where servers go to several releases, those of each; "" for nowhere."""
    undoes = fleet.undoes
    if not undoes.tag:
        return ""
    groups: dict[str, list[str]] = {}
    for server, tag in undoes.tags.items():
        groups.setdefault(tag, []).append(server)
    where = fleet.short(undoes.tag)
    if len(groups) > 1:
        groups = dict(sorted(groups.items(), key=lambda group: -len(group[1])))
        where = "; ".join(
            f"{fleet.short(tag)} on {listing(on, NAMED) if len(on) <= NAMED else count(len(on), 'server')}"
            for tag, on in groups.items()
        )
    return f"back to {where}, live until {ago(now - undoes.until)}" if undoes.until else f"back to {where}"
