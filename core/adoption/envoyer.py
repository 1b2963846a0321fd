"""Envoyer: `releases/20261121193000`, `.env` and `storage/` in the root itself, an absolute link. There is no log.

Each release links to the `.env` and `storage` of the root. Source: its documentation.
"""

from __future__ import annotations

from core.adoption.traces import STAMP, Tool, Traces, by_name


def recognise(traces: Traces) -> bool:
    return {".env", "storage"} <= traces.signs and bool(traces.named(STAMP))


TOOL = Tool("Envoyer", recognise, by_name(STAMP))
