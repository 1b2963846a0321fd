"""States of servers as an inspection gives them, for tests of what is decided and shown from them."""

from __future__ import annotations

from typing import Any

from core.records import Release, ServerState


def state(server: str, *releases: Release, **more: Any) -> ServerState:
    """A server with these releases; `current` points to the live one, unless `more` names another."""
    current = more.get("current", next((item.tag for item in releases if item.live), ""))
    facts: dict[str, Any] = {"current": current, "current_kind": "link" if current else "absent", **more}
    return ServerState(server=server, root="/srv", releases={item.tag: item for item in releases}, **facts)


def theirs(tag: str, mtime: float = 5.0, **more: Any) -> Release:
    """A release that another tool made: without a record."""
    return Release(tag=tag, present=True, mtime=mtime, **more)
