"""Which releases have a slot on a server, as its file `.turnout/slots` says (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from core.records.record import LARGEST_PORT, is_tag

USED, UNSURE = "used", "unsure"
"""Marks of a line: the release has the slot; and it may be the one that serves."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class SlotUse(Struct, frozen=True):
    """A release has a slot: its process was, or was about to be, started there, and nothing has surely stopped it.

    port     0 where it is unknown: older versions did not write it down
    unsure   it is not live, but what turns requests away from it has failed: it may serve
    """

    slot: str
    port: int
    tag: str
    unsure: bool = False

    def to_line(self) -> str:
        return f"{self.slot} {self.port} {self.tag} {UNSURE if self.unsure else USED}\n"


def parse_slot_use(text: str) -> SlotUse:
    """The use in a line of the file. ValueError where it is not one."""
    slot, port, tag, mark = text.split(" ")
    if not (_NAME.fullmatch(slot) and is_tag(tag) and port.isascii() and port.isdigit() and mark in (USED, UNSURE)):
        raise ValueError("not a slot")
    if int(port) > LARGEST_PORT:
        raise ValueError("not a port")
    return SlotUse(slot, int(port), tag, mark == UNSURE)


def to_text(uses: Iterable[SlotUse]) -> str:
    """The text of the file."""
    return "".join(use.to_line() for use in uses)
