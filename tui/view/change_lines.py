"""The way from one release to another in words: what a plan says of commits, files and migrations (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from core.changes import NAMED, Commit, PlanChanges
from core.text import count
from tui.view.formats import listing
from tui.view.glyphs import Glyphs
from tui.view.lines import ENDLESS, Line, crop, fit, line, one_line, width, wrap

COMMITS_SHOWN = 5
"""Commits of each side that a plan shows; the Changes tab and `turnout diff` have all."""

MIGRATIONS_SHOWN = 3


def plan_change_lines(changes: PlanChanges, cells: int, glyphs: Glyphs, *, terminal: bool = False) -> list[Line]:
    """What a plan takes back first, then what it brings, in the newest commits; the files; the migrations.

    terminal   all commits that the plan names are shown, in lines of any length
    """
    most = NAMED + 1 if terminal else COMMITS_SHOWN
    out: list[Line] = []
    for verb, number, by, named, sign, role in (
        ("Takes back", changes.taken, changes.taken_by, changes.taken_named, "-", "bad"),
        ("Brings", changes.added, changes.added_by, changes.added_named, "+", "ok"),
    ):
        if number:
            who = f" by {listing([one_line(name) for name in by], 4)}" if by else ""
            out.append(crop(line((verb, "strong"), f" {count(number, 'commit')}{who}"), cells, glyphs.more))
            out += commit_lines(named, number, sign, role, cells, most, glyphs)
    if changes.commits_unknown:
        out += _wrapped("Commits  ", f"not known: {changes.commits_unknown}", cells)
    elif not changes.taken and not changes.added:
        out.append(line(("Commits  ", "dim"), "none: both are made from the same commit"))
    if changes.commits_note:
        out += _wrapped("", changes.commits_note, cells)
    out += _wrapped("Files    ", files_words(changes, glyphs), cells)
    for paths, text, role in (
        (changes.lost_migrations, "that it does not know, and that stays in the database", "bad"),
        (changes.new_migrations, "comes with it", "warn"),
    ):
        if paths:
            names = listing([one_line(path) for path in paths], len(paths) if terminal else MIGRATIONS_SHOWN)
            said = f"{count(len(paths), 'migration')} {text if len(paths) == 1 else _plural(text)}: {names}"
            parts = wrap(said, cells - 2)
            out.append(line((f"{glyphs.alert} ", role), (parts[0], role)))
            out += [line("  ", (part, role)) for part in parts[1:]]
    return out


def files_words(changes: PlanChanges, glyphs: Glyphs) -> str:
    """`3 added, 27 changed, 1 removed, +412 −88`."""
    if changes.files_unknown:
        return f"not known: {one_line(changes.files_unknown)}"
    if not changes.files:
        return "no file differs"
    numbers = ((changes.files_added, "added"), (changes.files_changed, "changed"), (changes.files_removed, "removed"))
    parts = [f"{number:,} {word}" for number, word in numbers if number]
    return ", ".join([*parts, lines_words(changes.lines, glyphs)] if changes.lines else parts)


def lines_words(lines: tuple[int, int] | None, glyphs: Glyphs) -> str:
    """`+412 −88`; "" where git does not count them."""
    return f"+{lines[0]:,} {glyphs.minus}{lines[1]:,}" if lines is not None else ""


def _plural(text: str) -> str:
    return text.replace("comes", "come").replace("stays", "stay")


def commit_lines(
    named: Sequence[Commit],
    number: int,
    sign: str,
    role: str,
    cells: int,
    most: int,
    glyphs: Glyphs,
    indent: str = "  ",
) -> list[Line]:
    """The newest commits, in at most so many lines; of `number` that there are, the last says how many are left out."""
    shown = named if number <= most else named[: most - 1]
    author_cells = max((width(line(one_line(commit.author))) for commit in shown), default=0)
    author_cells = min(author_cells, max(cells // 5, 6))
    out = [commit_line(commit, sign, role, cells, author_cells, glyphs, indent) for commit in shown]
    if number > len(shown):
        out.append(line((f"  {glyphs.more} {number - len(shown):,} more", "dim")))
    return out


def commit_line(
    commit: Commit, sign: str, role: str, cells: int, author_cells: int, glyphs: Glyphs, indent: str = "  "
) -> Line:
    """`- abcdef0 Fix cart totals for mixed VAT      ana`, its sign in `role`; an alert where it adds a migration."""
    mark = f"  {glyphs.alert} migration" if commit.migrates else ""
    head = f"{indent}{sign} {commit.revision[:7]} "
    room = cells - len(head) - len(mark) - author_cells - 2
    subject, author = one_line(commit.subject) or "(no subject)", one_line(commit.author)
    if cells >= ENDLESS - 10:  # of any length: nothing is aligned
        return line((head, role), subject, (mark, "warn"), (f"  {author}", "dim"))
    if room < 12:
        return crop(
            line((head, role), fit(subject, max(cells - len(head) - len(mark), 0), glyphs.more), (mark, "warn")), cells
        )
    author = fit(author, author_cells, glyphs.more).rstrip()
    return line((head, role), fit(subject, room, glyphs.more), (mark, "warn"), (f"  {author}", "dim"))


def _wrapped(label: str, text: str, cells: int) -> list[Line]:
    parts = wrap(one_line(text), cells - len(label))
    return [line((label, "dim"), parts[0]), *(line(" " * len(label), part) for part in parts[1:])]
