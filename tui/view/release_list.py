"""Which releases are listed, in what order, and what stands in their place where there are none (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.records import FleetRelease
from core.text import count
from tui.view.fleet import FleetView
from tui.view.formats import range_name
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, line, one_line
from tui.view.terms import parse_terms


def matching(rows: Sequence[FleetRelease], text: str) -> tuple[FleetRelease, ...]:
    """The rows that a filter asks for: each word is in tag, subject, people, revision or state, or in its field.

    `state:` live, failed, pruned, pinned, left; `release:` a tag or revision; `by:` who deployed or wrote it; `server:`
    on which it is live; `-` excludes.
    """
    terms = parse_terms(text, ("state", "release", "by", "server"))
    return tuple(
        row for row in rows if all((term.text in _haystack(row, term.field)) != term.without for term in terms)
    )


def _haystack(row: FleetRelease, field: str = "") -> str:
    record = row.record
    state = ["live" if row.live_on else "", "failed" if row.failed else "", "" if row.present_on else "pruned"]
    state += ["pinned" if row.pinned else "", "left" if record and record.left else "", "blocked" if row.block else ""]
    release = [row.tag, record.revision if record else ""]
    people = [record.author, record.by] if record else []
    fields = {"state": state, "release": release, "by": people, "server": list(row.live_on)}
    every = [*release, *state, *people, *([record.subject, record.ref] if record else [])]
    return " ".join(fields.get(field, every)).casefold()


NEWEST, BY_LIFE, BY_SIZE, BY_PERSON = "newest first", "longest lived", "largest", "person"

ORDERS = (NEWEST, BY_LIFE, BY_SIZE, BY_PERSON)
"""How the releases may be sorted."""


def in_order(rows: Sequence[FleetRelease], fleet: FleetView, order: str, now: float) -> tuple[FleetRelease, ...]:
    """The rows, which are newest first, in another order; what is alike stays newest first."""
    if order == BY_LIFE:
        lived = {row.tag: fleet.lived(row.tag, now) for row in rows}
        return tuple(sorted(rows, key=lambda row: -(found.seconds if (found := lived[row.tag]) else -1)))
    if order == BY_SIZE:
        return tuple(sorted(rows, key=lambda row: -(row.record.bytes if row.record else -1)))
    if order == BY_PERSON:
        return tuple(sorted(rows, key=lambda row: row.record.by if row.record else "~"))
    return tuple(rows)


def placeholder(fleet: FleetView, filter_text: str, glyphs: Glyphs, keys: Mapping[str, str]) -> list[Line]:
    """What the releases pane shows instead of rows: each case names its next step.

    keys  of `deploy`, `refresh-all`, `filter`, `close` as the user has them
    """
    if filter_text and fleet.rows:
        older = count(fleet.unlisted, "older release")
        unlisted = f"{older} without files not listed: `turnout rollback` finds each by its tag"
        return [
            line((f"{count(len(fleet.rows), 'release')}, none matches ", ""), (f"“{one_line(filter_text)}”", "accent")),
            *([line((unlisted, "dim"))] if fleet.unlisted else []),
            line((keys["close"], "key"), " shows them all again"),
        ]
    failed = [server for server in fleet.servers if server.error is not None]
    if not fleet.known and failed and len(failed) == len(fleet.servers):
        out = [line((f"{glyphs.alert} no server can be reached", "bad"))]
        out += [
            line(
                (f"  {server.name}  ", "strong"),
                one_line(server.error.title if server.error else "").removeprefix(f"{server.name} "),
            )
            for server in failed[:6]
        ]
        return [
            *out,
            (),
            line((keys["refresh-all"], "key"), " reconnects, ", ("Enter", "key"), " on a server shows details"),
        ]
    if not fleet.known:
        return [
            line((f"{glyphs.busy} connecting to {range_name(fleet.names)}", "busy")),
            line(("Releases appear as each server answers; a slow one does not delay the others.", "dim")),
        ]
    if not fleet.rows:
        return [
            line((f"{glyphs.kept} no release on {fleet.environment} yet", "strong")),
            line((keys["deploy"], "key"), " deploys the first"),
        ]
    return []
