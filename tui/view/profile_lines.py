"""The profile of a command as a table: what was done and when, what it cost, how long each server took (pure)."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from msgspec import Struct

from core.profile import Cost, Profile, Span
from core.text import size

MOST_COLUMNS = 6
"""Servers that have a column each; of more the fastest, the one in the middle and the slowest are named."""
HEAD = ("", "from", "to", "took", "here", "there")


class Usage(Struct, frozen=True):
    """Of the whole command: seconds, processor seconds of its own and of programs that it ran, bytes of memory."""

    seconds: float
    own: float
    programs: float
    memory: int


def profile_lines(profile: Profile, began: float, usage: Usage, servers: Sequence[str]) -> list[str]:
    """The table, in the order in which things began. began: of the process, on the clock of the spans."""
    order = sorted(profile.spans, key=lambda span: span.began)
    there = _there(order, profile.costs)
    rows = []
    for name in dict.fromkeys(span.name for span in order):
        ours = [span for span in order if span.name == name]
        first, last = min(span.began for span in ours), max(span.ended for span in ours)
        times = (first.time - began, last.time - began, last.time - first.time, last.used - first.used)
        cost = f"{there[name]:.2f}" if name in there else ""
        rows.append([name, *(f"{value:.3f}" for value in times), cost, *_by_server(ours, servers)])
    few = len(servers) <= MOST_COLUMNS
    head = [*HEAD, *(servers if few else ("fastest", "middle", "slowest"))]
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    table = [
        "  ".join(text.ljust(width) if place == 0 else text.rjust(width) for place, (text, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in [head, *rows])
    ]
    spent = sum(cost.seconds for cost in profile.costs)
    on_servers = f", on the servers {spent:.2f} s" if profile.costs else ""
    whole = (
        f"profile: {usage.seconds:.3f} s; processor {usage.own:.2f} s, of programs that it ran {usage.programs:.2f} s"
        f"{on_servers}; memory {size(usage.memory)} at most"
    )
    return [whole, *(f"  {text.rstrip()}" for text in table)]


def _there(spans: Sequence[Span], costs: Sequence[Cost]) -> Mapping[str, float]:
    """By what was done: the processor seconds of all servers. A cost belongs to what had last begun on its server."""
    sums: dict[str, float] = {}
    for cost in costs:
        around = [span for span in spans if span.server == cost.server and span.began.time <= cost.at]
        if around:
            name = around[-1].name
            sums[name] = sums.get(name, 0.0) + cost.seconds
    return sums


def _by_server(spans: Sequence[Span], servers: Sequence[str]) -> list[str]:
    """The seconds that each server took in all; of many the fastest, the one in the middle and the slowest."""
    sums: Mapping[str, float] = {
        server: sum(span.seconds for span in spans if span.server == server)
        for server in servers
        if any(span.server == server for span in spans)
    }
    if len(servers) <= MOST_COLUMNS:
        return [f"{sums[server]:.3f}" if server in sums else "" for server in servers]
    if not sums:
        return ["", "", ""]
    slowest = max(sums, key=lambda server: sums[server])
    return [
        f"{min(sums.values()):.3f}",
        f"{statistics.median(sums.values()):.3f}",
        f"{sums[slowest]:.3f} {slowest}",
    ]
