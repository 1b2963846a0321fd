"""States of servers as an inspection gives them, for tests of what is decided and shown from them."""

from __future__ import annotations

from core.records import Release, ServerState


def state(server: str, *releases: Release, **more: object) -> ServerState:
    """A server with these releases; `current` points to the live one, unless `more` names another."""
    current = more.get("current", next((item.tag for item in releases if item.live), ""))
    facts = {"current": current, "current_kind": "link" if current else "absent", **more}
    return ServerState(server=server, root="/srv", releases={item.tag: item for item in releases}, **facts)  # type: ignore[arg-type]
