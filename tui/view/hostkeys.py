"""The host keys of servers and gateways, as `turnout trust` lists them (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tui.view.lines import Line, fit, line, one_line, width

KNOWN, RECORDED, UNKNOWN_KEY, UNSEEN = "known", "recorded", "unknown", "not-compared"
CHANGED, REVOKED, OTHER = "changed", "revoked", "other"
"""What became of a server's host key."""

_WORDS = {
    KNOWN: ("known", "ok"),
    RECORDED: ("recorded now", "ok"),
    UNKNOWN_KEY: ("UNKNOWN", "warn"),
    CHANGED: ("REFUSED: it is not the recorded key", "bad"),
    REVOKED: ("REFUSED: it is revoked", "bad"),
    OTHER: ("REFUSED: known, but no --fingerprint is its own", "bad"),
    UNSEEN: ("NOT COMPARED: no connection", "bad"),
}


class HostKey(Struct, frozen=True, kw_only=True):
    """A host key with the servers that it is for; `host` as known_hosts names it, all "" where no key was seen."""

    servers: tuple[str, ...]
    standing: str
    host: str = ""
    type: str = ""
    fingerprint: str = ""


def key_lines(keys: Sequence[HostKey]) -> list[Line]:
    """The keys as columns: servers, host, type, fingerprint, standing."""
    rows = [[one_line(text) for text in (", ".join(key.servers), key.host, key.type, key.fingerprint)] for key in keys]
    cells = [max(width(line(text)) for text in column) for column in zip(*rows, strict=True)]
    return [
        line(*(fit(text, room) + "  " for text, room in zip(row, cells, strict=True)), _WORDS[key.standing])
        for key, row in zip(keys, rows, strict=True)
    ]
