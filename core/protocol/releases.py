"""The lines of a state about releases: which are there, what their records say, which one is live (pure)."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from core import layout
from core.protocol.values import amount, raw_path, shown_path, tag_or_none
from core.records import (
    LARGEST_SEQ,
    LAST_SECOND,
    LONGEST_TARGET,
    Block,
    Pin,
    Record,
    Release,
    Told,
    is_tag,
    parse_notice,
    parse_record,
)
from core.text import clean

NO_MARKS: frozenset[str] = frozenset()


MOST_LINKS = 1000
"""Releases whose links are kept; the agent sends fewer."""


class Current:
    """Where `current` points. `kind` is "" until a line gives it: an answer without such a line is not a state.

    kind     link, absent, folder, file, dangling, or elsewhere (a link to outside `releases/`)
    tag      of the release that it points to, "" for none; target: the link's text
    closed   the folder that it points to is there, and may not be entered
    form     what comes before the tag in its text
    links    by tag: other links that lead into a release
    """

    def __init__(self) -> None:
        self.kind = ""
        self.tag = ""
        self.target = ""
        self.closed = False
        self.form = layout.release("")
        self.links: dict[str, list[str]] = {}
        self._link = False
        self.readers: Mapping[str, Callable[[str], None]] = {
            "current": self._current,
            "live": self._live,
            "live-elsewhere": self._elsewhere,
            "dangling": self._dangling,
            "form": self._form,
            "linked": self._linked,
        }

    def _current(self, rest: str) -> None:
        kind, _, target = rest.partition(" ")
        if kind not in ("link", "absent", "folder", "file"):
            raise ValueError
        self._link = kind == "link"
        # The line after it says where a link ends: its text alone proves nothing.
        self.kind = "" if self._link else kind
        if self._link:
            self.target = raw_path(target)

    def _live(self, rest: str) -> None:
        self.tag = tag_or_none(rest)
        self._ends("link" if self.tag else "elsewhere")

    def _elsewhere(self, rest: str) -> None:
        self._ends("elsewhere")

    def _dangling(self, rest: str) -> None:
        self._ends("dangling")
        self.closed = rest == "closed"

    def _form(self, rest: str) -> None:
        form = raw_path(rest)
        if not form.endswith("/") or len(form) > LONGEST_TARGET or clean(form) != form or "\n" in form:
            raise ValueError
        self.form = form

    def _linked(self, rest: str) -> None:
        name, _, path = rest.partition(" ")
        if (tag := tag_or_none(name)) and len(self.links) < MOST_LINKS:
            self.links.setdefault(tag, []).append(shown_path(path))

    def _ends(self, kind: str) -> None:
        if not self._link:
            raise ValueError
        self.kind = kind


class Releases:
    """The releases of a server.

    folders   by tag: when the folder was last changed, in seconds since the epoch
    unread    tags whose record is there and cannot be read
    pins      by tag: what is never pruned, whether or not the release is there; blocks: what undo never goes back to
    unlisted  how many of very many are not listed at all
    whole     every record that exists was sent, or named as unreadable
    """

    def __init__(self, faults: list[str]) -> None:
        self.folders: dict[str, float] = {}
        self.unread: set[str] = set()
        self.pins: dict[str, Pin] = {}
        self.blocks: dict[str, Block] = {}
        self.unlisted = 0
        self.whole = True
        self._faults = faults
        self._texts: dict[str, list[str]] = {}
        self._older: dict[str, tuple[int, frozenset[str]]] = {}
        self._unused: set[str] = set()
        self.readers: Mapping[str, Callable[[str], None]] = {
            "record": self._record,
            "older": self._read_older,
            "unlisted": self._read_unlisted,
            "unused": self._read_unused,
            "pinned": self._pinned,
            "blocked": self._blocked,
        }

    def release(self, rest: str) -> None:
        """A folder in releases/: its time and its name."""
        mtime, _, name = rest.partition(" ")
        name = name.removeprefix(f"{layout.RELEASES}/")
        if is_tag(name):
            self.folders[name] = float(mtime) if 0 <= float(mtime) <= LAST_SECOND else 0.0
        else:
            self._faults.append(f"{layout.RELEASES}/{clean(name, 60)}: not the name of a release; ignored")

    def unreadable(self, path: str) -> None:
        """A file or folder of ours is there and cannot be read."""
        if posixpath.basename(posixpath.dirname(path)) == "records" and is_tag(_tag_of(path)):
            self.unread.add(_tag_of(path))
        self.whole = self.whole and path not in (layout.OWN, layout.RECORDS)

    def _record(self, rest: str) -> None:
        path, _, line = rest.partition(":")
        self._texts.setdefault(_tag_of(path), []).append(line)

    def _read_older(self, rest: str) -> None:
        """A release whose files are there, one of very many: tag, number, marks."""
        tag, seq_text, *marks = rest.split()
        seq = amount(seq_text)
        if is_tag(tag) and seq <= LARGEST_SEQ:
            self._older[tag] = (seq, frozenset(marks))
        else:
            self.unread |= {tag} if is_tag(tag) else set()

    def _read_unlisted(self, rest: str) -> None:
        self.unlisted = amount(rest)

    def _read_unused(self, rest: str) -> None:
        if tag := tag_or_none(rest):
            self._unused.add(tag)

    def _pinned(self, rest: str) -> None:
        name, _, text = rest.partition(" ")
        if tag := tag_or_none(name):
            self.pins[tag] = parse_notice(text, Pin)

    def _blocked(self, rest: str) -> None:
        name, _, text = rest.partition(" ")
        if tag := tag_or_none(name):
            self.blocks[tag] = parse_notice(text, Block)

    def records(self) -> dict[str, Record]:
        """By tag, those that can be read; the others are named among the faults, and `unread` from now on."""
        records = {}
        for tag, lines in self._texts.items():
            try:
                record = parse_record("\n".join(lines))
                if record.tag != tag:
                    raise ValueError("it is the record of another tag")
            except ValueError as error:
                self._faults.append(f"the record of {clean(tag, 60)} cannot be read: {clean(str(error), 200)}")
                self.unread |= {tag} if is_tag(tag) else set()
                continue
            records[tag] = record
        return records

    def strange(self) -> set[str]:
        """The releases that have files, and no record that was sent or that is there all the same."""
        known = self._texts.keys() | self._older.keys() | self.unread
        return self.folders.keys() - known if self.whole else set()

    def all(self, current: Current, told: Mapping[str, Told]) -> dict[str, Release]:
        """By tag, every release that has files, a record, or a record that cannot be read.

        told   by tag, what other tools wrote down about those without a record
        """
        records = self.records()
        if not self.whole:
            self.unread |= self.folders.keys() - records.keys()
        return {
            tag: Release(
                tag=tag,
                record=records.get(tag),
                present=tag in self.folders,
                mtime=self.folders.get(tag, 0.0),
                live=current.kind == "link" and tag == current.tag,
                unused=tag in self._unused,
                unread=tag in self.unread,
                pin=self.pins.get(tag),
                block=self.blocks.get(tag),
                told=told.get(tag),
                seq=self._older.get(tag, (0, NO_MARKS))[0] if tag not in records else 0,
                marks=self._older.get(tag, (0, NO_MARKS))[1] if tag not in records else NO_MARKS,
            )
            for tag in self.folders.keys() | records.keys() | self.unread
        }

    def completed(self, releases: Mapping[str, Release]) -> dict[str, Release]:
        """Releases that were listed in brief, with the records that came later."""
        complete = dict(releases)
        for tag, record in self.records().items():
            complete[tag] = replace(complete.get(tag, Release(tag=tag)), record=record, seq=0, marks=NO_MARKS)
        for tag in self.unread:
            complete[tag] = replace(complete.get(tag, Release(tag=tag)), record=None, unread=True)
        return complete


def _tag_of(path: str) -> str:
    """The tag that a record's file is named after."""
    return posixpath.basename(path).removesuffix(".toml")
