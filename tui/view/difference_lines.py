"""Two releases beside each other: the title, commits, files, and the difference of one file, in lines (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from core.changes import ADDED, CHANGED, REMOVED, RENAMED, Changes, Commit, FileChange, Side
from core.line_diff import HUNK, MINUS, NOTE, PLUS, DiffLine
from core.manifest import LINK
from core.text import count, show_path, size
from tui.view.change_lines import commit_line, lines_words
from tui.view.formats import short_tag, short_tags
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, cell_len, crop, fit, line, one_line, right, short, unjoined, wrap
from tui.view.names import short_tags_of

LETTERS = {ADDED: ("A", "ok"), CHANGED: ("M", "accent"), REMOVED: ("D", "bad"), RENAMED: ("R", "accent")}
"""By change: its letter, as git has it, and the letter's role."""

NUMBERED_FROM = 64
"""Cells from which the lines of a difference have their numbers beside them."""

BAR = 40
"""Cells of the longest bar of `--stat`."""


def pair_name(old: Side, new: Side) -> str:
    """`9ab01cd..3f2c1ab`, whole tags where the short ones are the same; `3f2c1ab on web1..web2`."""
    if old.tag == new.tag:
        return f"{short_tag(old.tag)} on {old.server}..{new.server}"
    said = short_tags_of((old.tag, new.tag))
    names = [said[side.tag] for side in (old, new)]
    return "..".join(
        f"{name} on {side.server}" if side.server else name for name, side in zip(names, (old, new), strict=True)
    )


def numbers(changes: Changes, glyphs: Glyphs) -> str:
    """`12 commits, 31 files, +412 −88`, with what is taken back before that: `takes back 2, brings 12 commits`."""
    commits, files = changes.commits, changes.files
    parts = []
    if not commits.unknown and changes.old.tag != changes.new.tag:
        if commits.taken_count and commits.added_count:
            parts.append(f"takes back {commits.taken_count:,}, brings {count(commits.added_count, 'commit')}")
        elif commits.taken_count:
            parts.append(f"takes back {count(commits.taken_count, 'commit')}")
        else:
            parts.append(count(commits.added_count, "commit"))
    if not files.unknown:
        parts.append(count(len(files.changes), "file"))
        parts += [lines_words(files.lines, glyphs)] if files.lines is not None else []
    return ", ".join(parts)


def title_line(old: Side, new: Side, changes: Changes | None, cells: int, glyphs: Glyphs, state: str = "") -> Line:
    """`9ab01cd..3f2c1ab  12 commits, 31 files, +412 −88  ! 1 migration`; `state` stands where nothing is known yet."""
    lost, new_ones = (len(changes.lost_migrations), len(changes.new_migrations)) if changes else (0, 0)
    marks = [f"{glyphs.alert} {count(new_ones, 'new migration')}"] if new_ones else []
    marks += [f"{glyphs.alert} {count(lost, 'migration')} missing"] if lost else []
    said = numbers(changes, glyphs) if changes is not None else state
    role = "" if changes is not None else "busy"
    spans = line(
        (pair_name(old, new), "strong"), "  ", (said, role), ("  " + "  ".join(marks) if marks else "", "warn")
    )
    return crop(spans, cells, glyphs.more)


def commit_rows(changes: Changes) -> list[tuple[str, Commit]]:
    """Every commit with its sign: those that are taken back first, then those that come."""
    return [("-", item) for item in changes.commits.taken] + [("+", item) for item in changes.commits.added]


def commit_row(sign: str, commit: Commit, cells: int, author_cells: int, glyphs: Glyphs) -> Line:
    """A commit in a list: `+ 3f2c1ab Fix cart totals for mixed VAT   ana`."""
    role = "bad" if sign == "-" else "ok"
    return commit_line(commit, sign, role, cells, author_cells, glyphs, indent="")


def commits_said(changes: Changes, cells: int) -> list[Line]:
    """What stands where the commits would, or below them; nothing where they are all listed."""
    commits = changes.commits
    if changes.old.tag == changes.new.tag:
        return [line(("One release: no commit differs.", "dim"))]
    if commits.unknown:
        return [
            line((part, "dim")) for part in wrap(f"Commits not known: {short_tags(one_line(commits.unknown))}", cells)
        ]
    if not commits.taken_count and not commits.added_count:
        return [line((part, "dim")) for part in wrap("Both were made from the same commit.", cells)]
    more = commits.taken_count + commits.added_count - len(commits.taken) - len(commits.added)
    out = [line((f"and {more:,} more", "dim"))] if more else []
    return out + ([line((commits.note, "dim"))] if commits.note else [])


def files_said(changes: Changes, cells: int) -> list[Line]:
    """What stands where the files would; nothing where there are some."""
    files = changes.files
    if files.unknown:
        return [line((part, "dim")) for part in wrap(f"Files not known: {short_tags(one_line(files.unknown))}", cells)]
    return [] if files.changes else [line(("No file differs.", "dim"))]


def file_row(item: FileChange, changes: Changes, cells: int, glyphs: Glyphs) -> Line:
    """A file in a list: `M src/cart.php   +40 −12`; of a path that is too long its end stays."""
    letter, role = LETTERS[item.change]
    migrates = item.path in changes.new_migrations or (item.was or item.path) in changes.lost_migrations
    mark = f" {glyphs.alert}" if migrates else ""
    note = _note(item, changes, glyphs)
    room = cells - 2 - len(mark)
    note = note if len(note) + 14 <= room else ""
    room -= len(note) + 2 if note else 0
    path = show_path(item.path)
    if item.was:
        path = f"{show_path(item.was)} {glyphs.arrow} {path}"
    return line((f"{letter} ", role), fit(short_path(path, room, glyphs.more), max(room, 0)), (mark, "warn"),
                (f"  {note}" if note else "", "dim"))  # fmt: skip


def _note(item: FileChange, changes: Changes, glyphs: Glyphs) -> str:
    """Lines where git counts them, else sizes."""
    if item.change == RENAMED:
        return "moved"
    if item.mode_only:
        return "mode"
    if item.lines is not None:
        return lines_words(item.lines, glyphs)
    if LINK in (item.old and item.old.kind, item.new and item.new.kind):
        return "link"
    sizes = [size(entry.size) for entry in (item.old, item.new) if entry is not None and entry.size >= 0]
    return f" {glyphs.arrow} ".join(dict.fromkeys(sizes))


def short_path(path: str, cells: int, more: str) -> str:
    """A path in at most so many cells: the end is what tells it from others, so the beginning goes."""
    if cell_len(path) <= cells or cells <= len(more):
        return short(path, cells, more)
    tail = path
    while tail and cell_len(tail) > cells - len(more):
        tail = tail[1:]
    return more + tail


def text_rows(lines: Sequence[DiffLine], cells: int, glyphs: Glyphs) -> list[Line]:
    """The difference of a file in rows of a width; longer lines go on in the next row."""
    number_cells = len(str(max((max(item.old, item.new) for item in lines), default=0)))
    numbered = cells >= NUMBERED_FROM
    out: list[Line] = []
    for item in lines:
        if item.kind in (HUNK, NOTE):
            said = f"@@ {item.text} @@" if item.kind == HUNK else f"({item.text})"
            out.append(crop(line((said, "head" if item.kind == HUNK else "dim")), cells, glyphs.more))
            continue
        role = {PLUS: "ok", MINUS: "bad"}.get(item.kind, "")
        number = right(str(item.new or item.old), number_cells) if numbered else ""
        gutter = f"{number} " if numbered else ""
        pieces = _pieces(unjoined(item.text), max(cells - len(gutter) - 1, 8))
        out.append(line((gutter, "dim"), (item.kind + pieces[0], role)))
        out += [line(" " * (len(gutter) + 1), (piece, role)) for piece in pieces[1:]]
    return out


def _pieces(text: str, cells: int) -> list[str]:
    """A line of any length in pieces of a width; nothing is left out."""
    if text.isascii():
        return [text[at : at + cells] for at in range(0, len(text), cells)] or [""]
    if cell_len(text) <= cells:
        return [text]
    from rich.cells import chop_cells

    return chop_cells(text, cells)


# What `turnout diff` prints.


def whole(changes: Changes, cells: int, glyphs: Glyphs) -> list[Line]:
    """All of a difference: numbers, commits, files."""
    out = [title_line(changes.old, changes.new, changes, cells, glyphs), ()]
    rows = commit_rows(changes)
    names = max((cell_len(one_line(commit.author)) for _, commit in rows), default=0)
    out += [commit_row(sign, commit, cells, min(names, 20), glyphs) for sign, commit in rows]
    out += commits_said(changes, cells)
    return [*out, (), *files_said(changes, cells), *stat(changes, cells, glyphs)]


def stat(changes: Changes, cells: int, glyphs: Glyphs) -> list[Line]:
    """A row a file, as `git diff --stat` has it: its path, the lines that changed, and a bar of them."""
    items = changes.files.changes
    if not items:
        return []
    paths = [_path(item, glyphs) for item in items]
    notes = [str(sum(item.lines)) if item.lines else _note(item, changes, glyphs) for item in items]
    note_cells = max(map(len, notes))
    path_cells = max(min(max(map(cell_len, paths)), cells - note_cells - 7 - 10), 10)
    most = max((sum(item.lines) for item in items if item.lines), default=0)
    room = min(BAR, max(cells - path_cells - note_cells - 7, 0))
    out = []
    for item, path, note in zip(items, paths, notes, strict=True):
        letter, role = LETTERS[item.change]
        shown = fit(short_path(path, path_cells, glyphs.more), path_cells)
        plus, minus = _bar(item.lines, most, room)
        out.append(line((f"{letter} ", role), shown, " | ", right(note, note_cells), " ", (plus, "ok"), (minus, "bad")))
    files = changes.files
    numbered = [(files.count(change), change) for change in (ADDED, CHANGED, REMOVED, RENAMED)]
    said = ", ".join(f"{number:,} {change}" for number, change in numbered if number)
    lines = f", {lines_words(files.lines, glyphs)}" if files.lines is not None else ""
    without = sum(item.lines is None for item in items)
    why = f"binary, {'built, ' * changes.built}or filled in on export"
    rest = f"; git counts no lines of {count(without, 'file')} ({why})" if without and files.lines is not None else ""
    return [*out, line((f"{count(len(items), 'file')}: {said}{lines}{rest}", "dim"))]


def _path(item: FileChange, glyphs: Glyphs) -> str:
    path = show_path(item.path)
    return f"{show_path(item.was)} {glyphs.arrow} {path}" if item.was else path


def _bar(lines: tuple[int, int] | None, most: int, room: int) -> tuple[str, str]:
    """Signs for added and removed lines; never none for some."""
    if lines is None or not sum(lines):
        return "", ""
    scale = min(room / most, 1.0)
    plus, minus = (max(round(number * scale), 1) if number else 0 for number in lines)
    return "+" * plus, "-" * minus


def names(changes: Changes, glyphs: Glyphs) -> list[Line]:
    """A row a file, for other programs: its letter, a tab, its path; of a renamed one the old path first."""
    out = []
    for item in changes.files.changes:
        paths = [show_path(path) for path in (item.was, item.path) if path]
        out.append(line("\t".join((LETTERS[item.change][0], *paths))))
    return out


def file_text(old: Side, new: Side, item: FileChange, lines: Sequence[DiffLine]) -> list[Line]:
    """The difference of a file as `diff -u` prints it, for a terminal or a pipe."""
    heads = [
        f"--- {f'{old.tag}/{show_path(item.was or item.path)}' if item.old else '/dev/null'}",
        f"+++ {f'{new.tag}/{show_path(item.path)}' if item.new else '/dev/null'}",
    ]
    body = [
        f"@@ {each.text} @@" if each.kind == HUNK else f"\\ {each.text}" if each.kind == NOTE else each.kind + each.text
        for each in lines
    ]
    return [line(text) for text in (*heads, *body)]
