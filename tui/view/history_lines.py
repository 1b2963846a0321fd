"""The history of an environment: the operations as a list, one of them whole, and what was live when as a line of time
(pure).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

from core.errors import TurnoutError
from core.events import Event
from core.history import CHANGES_LIVE, DONE, INTERRUPTED, NO_END, PUT_BACK, RUNNING, UNFINISHED, Entry, History
from core.lives import Life
from core.records import Said
from core.text import count, duration, size
from tui.view.formats import age, ago, clock, listing, short_tag
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, cell_len, crop, fit, line, one_line, short, width, wrap
from tui.view.names import called

DAY = 86400.0
WHO_CELLS = 12
UNDONE = "undone"


def outcome_words(entry: Entry, glyphs: Glyphs) -> tuple[str, str, str]:
    """Glyph, role and word for how an operation ended."""
    if entry.outcome == DONE and entry.undone_by:
        return glyphs.kept, "warn", UNDONE
    if entry.outcome == DONE and entry.kind == "rollback":
        return glyphs.done, "accent", "done"
    if entry.outcome in (DONE, "nothing-to-do"):
        return glyphs.done, "ok" if entry.outcome == DONE else "dim", entry.outcome.replace("-", " ")
    if entry.outcome == PUT_BACK and not entry.exit_code:
        return glyphs.done, "ok", "put back"
    if entry.outcome == RUNNING:
        return glyphs.busy, "busy", "running"
    if entry.cancelled:
        return glyphs.alert, "warn", "cancelled, put back" if entry.outcome == PUT_BACK else "cancelled"
    words = {PUT_BACK: "failed, put back", INTERRUPTED: "interrupted", UNFINISHED: "no end known"}
    return glyphs.failed, "bad", words.get(entry.outcome, one_line(entry.outcome))


def names_of(entries: Iterable[Entry], known: Iterable[str] = ()) -> Callable[[str], str]:
    """How the releases of a history are called: each different from the others, and from those that are known."""
    tags = (tag for entry in entries for tag in (entry.tag, entry.previous, *entry.pruned))
    name = called(map(one_line, (*tags, *known)))
    return lambda tag: name(one_line(tag))


def what(entry: Entry, name: Callable[[str], str] = short_tag, cells: int = 1000) -> str:
    """What it did, in a few words: `9ab01cd → 3f2c1ab`, `3 releases`; where both do not fit, only what it led to."""
    new, old = name(one_line(entry.tag)), name(one_line(entry.previous))
    if entry.changed_live or (entry.tag and entry.previous and entry.tag != entry.previous):
        both = f"{old or 'nothing'} → {new}"
        return both if len(both) <= cells else f"→ {new}"
    if entry.ran:
        return one_line(entry.ran)
    if entry.pruned:
        return count(len(entry.pruned), "release")
    return new


def compared(chosen: Collection[str], entries: Sequence[Entry]) -> tuple[str, str] | None:
    """Two releases to compare: of one operation what was live before it and what it was to make live, of two what was
    live after each, the older one first; None where that is not known. They may be one and the same.

    chosen   ids of operations     entries   of all that are known, the newest first
    """
    places = [place for place, entry in enumerate(entries) if entry.operation in chosen]
    if len(places) == 1:
        entry, older = entries[places[0]], entries[places[0] + 1 :]
        about = entry.kind in CHANGES_LIVE
        pair = entry.previous or _left_live(older), entry.tag if about else _left_live(entries[places[0] :])
    elif len(places) == 2:
        newer, older_one = (_left_live(entries[place:]) for place in places)
        pair = older_one, newer
    else:
        return None
    return pair if all(pair) else None


def _left_live(entries: Sequence[Entry]) -> str:
    """The release that was live after the first of these operations, as far as it and those before it say; "" for none.

    entries   the newest first
    """
    for entry in entries:
        if entry.kind not in CHANGES_LIVE:
            continue
        if entry.outcome in (DONE, "nothing-to-do"):
            return entry.tag
        if entry.previous or entry.outcome in NO_END:
            return entry.previous
    return ""


def entry_line(
    entry: Entry,
    cells: int,
    glyphs: Glyphs,
    now: float,
    subject: str = "",
    *,
    marked: bool | None = None,
    name: Callable[[str], str] = short_tag,
    unheard: Collection[str] = (),
) -> Line:
    """One operation: `✓ deploy   9ab01cd → 3f2c1ab  2 h ago  ana  12 s  "cart empty"`.

    subject   of the release that it was about, where that is known
    marked    whether it is marked; None where none can be
    name      how a release is called
    unheard   servers of which it is said already that their journals are missing
    """
    if marked is not None:
        rest = entry_line(entry, cells - 1, glyphs, now, subject, name=name, unheard=unheard)
        return (Span(glyphs.marked if marked else " ", "accent"), *rest)
    glyph, role, word = outcome_words(entry, glyphs)
    wide = 9 if cells < 50 else 18 if cells < 72 else 20
    said = what(entry, name, wide).replace("→", glyphs.arrow)
    if cells < 50:
        said = said.rpartition(" ")[2] if entry.tag else said
    who = one_line(entry.who).partition("@")[0]
    parts: list[Span | str | tuple[str, str]] = [
        (f"{glyph} ", role),
        (fit(one_line(entry.kind) or "?", 9, glyphs.more), "strong"),
        (fit(said, wide, glyphs.more), ""),
        (f" {fit(age(max(now - entry.ended, 0)), 7)}", "dim"),
    ]
    if cells >= 50:
        parts.append((f"{fit(who, 8 if cells < 72 else WHO_CELLS, glyphs.more)} ", "dim"))
    if cells >= 72:
        parts.append((f"{fit(clock(entry.seconds) if entry.seconds else '', 7)}", "dim"))
    notes = [] if word == "done" else [(f"{word} ", role)]
    gone = [one_line(server) for server in entry.gone if server not in unheard]
    if gone:
        notes.append((f"no word from {listing(gone, 3)} ", "warn"))
    if entry.despite_freeze:
        notes.append(("despite the freeze ", "warn"))
    if entry.reason:
        notes.append((f"“{one_line(entry.reason)}”" if glyphs.more == "…" else f'"{one_line(entry.reason)}"', ""))
    if subject:
        notes.append((f"{'  ' if notes else ''}{one_line(subject)}", "dim"))
    return crop(line(*parts, *notes), cells, glyphs.more)


def unheard_lines(history: History, cells: int, glyphs: Glyphs) -> list[Line]:
    """Which servers' journals are missing, and why; nothing where all were read."""
    out = [
        crop(line((f"{glyphs.alert} {one_line(name)}: {one_line(why)}", "warn")), cells, glyphs.more)
        for name, why in list(history.unheard.items())[:3]
    ]
    more = len(history.unheard) - len(out)
    if out:
        said = f"{f'and {more} more; ' if more > 0 else ''}what ran only there is missing here"
        out.append(crop(line((f"  {said}", "dim")), cells, glyphs.more))
    return out


def entry_lines(
    entry: Entry, cells: int, glyphs: Glyphs, now: float, name: Callable[[str], str] = short_tag
) -> list[Line]:
    """All that is known of one operation."""
    glyph, role, word = outcome_words(entry, glyphs)
    when = f"{datetime.fromtimestamp(entry.began):%Y-%m-%d %H:%M:%S}, {ago(now - entry.ended)}"
    head = line(
        (f"{glyph} {one_line(entry.kind)} {word}", role),
        ("  " + what(entry, name).replace("→", glyphs.arrow), "strong"),
    )
    out = [crop(head, cells, glyphs.more)]
    fields = [
        ("Why", one_line(entry.reason)),
        ("Ran", one_line(entry.ran)),
        ("By", one_line(entry.who)),
        ("When", when if entry.began else ""),
        ("Took", duration(entry.seconds) if entry.seconds else ""),
        ("Sent", f"{size(entry.sent_bytes)} in {count(entry.sent_files, 'file')}" if entry.sent_files else ""),
        (
            "Phases",
            ", ".join(f"{phase} {clock(seconds)}" for phase, seconds in entry.phases.items() if seconds >= 0.05),
        ),
        ("Servers", listing([one_line(server) for server in entry.servers], 8)),
        ("Batches", str(entry.batches) if entry.batches > 1 else ""),
        ("Left out", listing([one_line(server) for server in entry.left_out], 8)),
        ("No word", ", ".join(one_line(server) for server in entry.gone)),
        ("Pruned", listing([name(tag) for tag in entry.pruned], 6)),
        ("Undone by", entry.undone_by),
        ("Freeze", "carried out although changes were frozen" if entry.despite_freeze else ""),
        *(("Answer" if not index else "", answered(said)) for index, said in enumerate(entry.answers)),
        ("Operation", entry.operation),
    ]
    differ = {server: how for server, how in entry.by_server.items() if how != entry.outcome}
    if differ:
        fields.append(("Differs", ", ".join(f"{one_line(server)}: {how}" for server, how in differ.items())))
    for label, text in fields:
        for index, part in enumerate(wrap(text, max(cells - 12, 8)) if text else ()):
            out.append(line((f"  {label if not index else '':<10}", "dim"), part))
    return out


def answered(said: Said) -> str:
    """How a question was answered, in a sentence: `bo@desk answered go after 4 min: checked with ana`."""
    waited = f" after {duration(said.seconds)}"
    if not said.choice:
        return f"nobody answered before it ended ({one_line(said.kind)})"
    if not said.by:
        return f"nobody answered{waited}: {said.choice} ({one_line(said.kind)})"
    why = f": {one_line(said.reason)}" if said.reason else ""
    return f"{one_line(said.by)} answered {said.choice}{waited}{why}"


def table_lines(
    history: History, cells: int, glyphs: Glyphs, now: float, subjects: Mapping[str, str] | None = None
) -> list[Line]:
    """The operations for a terminal, newest first, each with the id that `turnout log` takes.

    subjects   by tag: what the release is, where that is known
    """
    out, name = [], names_of(history.entries)
    for entry in history.entries:
        head = Span(f"{entry.operation[:8]:<8}  ", "dim")
        subject = (subjects or {}).get(entry.tag, "")
        out.append((head, *entry_line(entry, max(cells - 10, 40), glyphs, now, subject, name=name)))
    return [*out, *unheard_lines(history, cells, glyphs)]


def timeline(
    found: Sequence[Life],
    entries: Sequence[Entry],
    cells: int,
    glyphs: Glyphs,
    now: float,
    rows: int = 3,
    named: Callable[[str], str] = short_tag,
) -> list[Line]:
    """What was live when, as bars over time; below them what failed and what was undone. Nothing without a past."""
    bars_at = 9
    room = cells - bars_at
    began = min([life.since for life in found] + [entry.ended for entry in entries if entry.ended], default=now)
    if room < 20 or (not found and not entries) or now <= began:
        return []
    span = now - began

    def place(moment: float) -> int:
        return min(max(int((moment - began) / span * (room - 1)), 0), room - 1)

    out = [_ruler(began, now, room, bars_at, glyphs)]
    bars = [" "] * room
    for life in found:
        first, last = place(life.since), place(now if life.until is None else life.until)
        for cell in range(first, last + 1):
            bars[cell] = glyphs.full
        if first:
            bars[first] = glyphs.rule
        name = named(one_line(life.tag))[: max(last - first, 0)]
        if last - first >= len(name) + 1 and len(name) >= 4:
            bars[first + 1 : first + 1 + len(name)] = list(name)
    role = "ok" if found and found[-1].until is None else ""
    out.append(line((f"{'live':<{bars_at}}", "dim"), ("".join(bars), role)))
    for word, chosen, mark, style in (
        ("failed", [entry for entry in entries if outcome_words(entry, glyphs)[1] == "bad"], glyphs.failed, "bad"),
        ("undone", [entry for entry in entries if entry.undone_by], glyphs.kept, "warn"),
    ):
        if chosen and len(out) < rows + 1:
            out.append(line((f"{word:<{bars_at}}", "dim"), (_marks(chosen, place, room, mark, named), style)))
    return out


def _marks(
    chosen: Sequence[Entry], place: Callable[[float], int], room: int, mark: str, named: Callable[[str], str]
) -> str:
    """Marks with names where they do not touch the next."""
    cells = [" "] * room
    for entry in sorted(chosen, key=lambda entry: entry.ended):
        at = place(entry.ended)
        name = named(one_line(entry.tag))
        text = mark + name
        if at + len(text) > room:  # no room to its right
            text = name[: max(at, 0)] + mark
            at -= len(text) - 1
        for index, sign in enumerate(text):
            cells[at + index] = sign
    return "".join(cells).rstrip()


def _ruler(began: float, now: float, room: int, indent: int, glyphs: Glyphs) -> Line:
    """The days, or for a short time the hours, over the bars."""
    span = now - began
    form = "%b %d" if span > 3 * DAY else "%a %H:%M" if span > DAY / 2 else "%H:%M"
    ruler = [glyphs.rail] * room
    steps = max(min(room // 14, 6), 1)
    before = ""
    for step in range(steps):
        at = step * room // steps
        label = f"{datetime.fromtimestamp(began + span * step / steps):{form}} "
        for index, sign in enumerate(label[: room - at] if label != before else ""):
            ruler[at + index] = sign
        before = label
    ruler[-4:] = list(" now")
    return line((" " * indent, ""), ("".join(ruler), "dim"))


def placeholder(
    history: History | None, error: TurnoutError | None, cells: int, glyphs: Glyphs, *, reading: bool
) -> list[Line]:
    """What the History tab shows in place of operations."""
    if error is not None:
        said = short(one_line(error.title), max(cells - 32, 12), glyphs.more)
        return [line((f"{glyphs.alert} the history cannot be read: ", "bad"), said)]
    if history is None:
        said = "reading the servers' journals" if reading else "no server has answered yet"
        return [line((f"{glyphs.busy if reading else glyphs.wait} {said}", "busy" if reading else "dim"))]
    return [line((f"{glyphs.kept} nothing was done here yet", "strong"))] if not history.entries else []


def log_head(events: Sequence[Event] | None, error: TurnoutError | None, back: str, glyphs: Glyphs) -> Line:
    """The line over an operation's log: whether it was read, and the key back to the list."""
    key = (f"{back} ", "key")
    if error is not None:
        return line((f"{glyphs.alert} {one_line(error.title)}  ", "warn"), key, "back to the list")
    if events is None:
        return line((f"{glyphs.busy} reading its log  ", "busy"), key, "back to the list")
    return line((f"{count(len(events), 'event')}  ", "dim"), key, "back to the list")


def freeze_banner(environment: str, why: str, cells: int, glyphs: Glyphs, key: str) -> Line:
    """`! production is frozen by ana@laptop since …: audit    F Thaw`; `key` is "" where it ends by itself. If that is
    too long, the reason comes first, and the rest is left out part by part.
    """
    end = line((f"  {key}", "key"), " Thaw ") if key else ()
    room = max(cells - width(end) - 3, 8)
    by, _, reason = one_line(why).partition(": ")
    texts = [f"{environment} is frozen {one_line(why)}"]
    if reason:
        who = by.partition(" since ")[0]
        texts += [f"{environment} is frozen: {reason}{more}" for more in (f" ({by})", f" ({who})", "")]
    said = short(next((text for text in texts if cell_len(text) <= room), texts[-1]), room, glyphs.more)
    start = line((f" {glyphs.alert} ", "warn"), (said, "warn"))
    return crop((*start, Span(" " * max(cells - width(start) - width(end), 0)), *end), cells, glyphs.more)
