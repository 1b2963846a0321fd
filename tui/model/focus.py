"""Where the person is on the dashboard."""

from __future__ import annotations

from msgspec import Struct

from core.records import FleetRelease
from tui.keymap import Key


class Focus(Struct, frozen=True):
    """Where the person is: what a command would act on, and what Details tells of.

    pane      that has the focus, or ""                     tab   the tab that is shown in the bottom pane
    server    name of the server under the cursor, or ""   release   under the cursor
    folded    whether the cursor is on the row of the servers that are as they should be
    marked    tags that are marked
    typing    while a text is typed: what Enter does with it, and what Escape does
    marked_servers   names of servers that are marked: an operation is on them alone
    list      of servers or of releases: that which had the focus last
    tab_keys  of the tab that is shown
    pair      two releases, the older way round, that the history is asked about: before and after an operation, or what
              two marked operations left live
    """

    pane: str = ""
    list: str = "releases"
    tab: str = ""
    tab_keys: tuple[Key, ...] = ()
    server: str = ""
    folded: bool = False
    release: FleetRelease | None = None
    marked: frozenset[str] = frozenset()
    marked_servers: frozenset[str] = frozenset()
    typing: tuple[str, str] | None = None
    pair: tuple[str, str] | None = None
