"""`turnout diff`: how two releases differ, or one release on two servers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.changes import Changes, FileChange, Side
from core.errors import EXIT_DONE, EXIT_FAILED, FleetError, UsageError
from core.names import LISTED, nearest, quoted
from core.planner.naming import release_named, releases_meant, shown_releases
from core.records import ServerState, fleet_releases, live_of, previous_tag
from core.rows.differences import difference_rows, line_rows
from core.text import show_path
from tui.cli.command import Answer, Command
from tui.cli.unexpected import placed
from tui.view.difference_lines import file_text, names, numbers, pair_name, stat, whole
from tui.view.names import short_tags_of

if TYPE_CHECKING:
    from core.operations.content import FileDifference


def carry_out(command: Command) -> Answer:
    """0 also where they differ; 1 where what was asked for cannot be known; 3 where no server can be asked."""
    from core.operations.differences import differences

    command.open()
    options, output = command.options, command.output
    words = options.words
    inspection = command.inspect()
    if not inspection.states:
        raise FleetError(inspection.errors, phase="connect")
    output.errors(placed(error, output.narrator) for error in inspection.errors.values())
    states = inspection.states
    old, new, path = sides(words.releases, options.servers, states)
    fleet = command.fleet
    changes = command.follower.run(
        "diff", lambda emit, controls: differences(fleet, old, new, states, controls.cancel), patient=False
    )
    summary = f"{pair_name(old, new)}: {numbers(changes, output.glyphs) or 'not known'}"
    if path is not None:
        return _file(command, changes, path, states)
    lines = names(changes, output.glyphs) if words.files else (stat if words.stat else whole)(
        changes, output.cells, output.glyphs
    )  # fmt: skip
    output.table(lines, difference_rows(changes))
    if changes.files.unknown:
        unknown = f"files not known: {changes.files.unknown}"
        return {"exit_code": EXIT_FAILED, "outcome": "failed", "tag": new.tag, "summary": f"{summary}; {unknown}"}
    return {"exit_code": EXIT_DONE, "outcome": "done", "tag": new.tag, "summary": summary if words.json else ""}


def _file(command: Command, changes: Changes, path: str, states: Mapping[str, ServerState]) -> Answer:
    from core.operations.content import file_difference

    item = _chosen(changes, path)
    old, new = changes.old, changes.new
    if item is None:
        command.output.say([_same_in_both(command, changes, path, states)])
        return {"exit_code": EXIT_DONE, "outcome": "nothing-to-do", "tag": new.tag, "summary": ""}
    found: FileDifference = command.follower.run(
        "diff", lambda emit, controls: file_difference(command.fleet, changes, item, states, controls.cancel),
        patient=False,
    )  # fmt: skip
    if found.unknown:
        said = f"{show_path(item.path)}: {found.unknown}"
        return {"exit_code": EXIT_FAILED, "outcome": "failed", "tag": new.tag, "summary": said}
    rows = [difference_rows(changes)[0], *line_rows(found.lines)]
    command.output.table(file_text(old, new, item, found.lines), rows)
    return {"exit_code": EXIT_DONE, "outcome": "done", "tag": new.tag, "summary": ""}


def _same_in_both(command: Command, changes: Changes, path: str, states: Mapping[str, ServerState]) -> str:
    """What is said of a file that does not differ. UsageError for what is not a file there: a word that is mistyped."""
    from core.operations.differences import has_file

    names = short_tags_of((changes.old.tag, changes.new.tag))
    old, new = names[changes.old.tag], names[changes.new.tag]
    is_release_too = len(command.options.words.releases) < 3
    what = "neither a release nor a file" if is_release_too else "not a file"
    if changes.files.unknown:
        raise UsageError(
            f"{quoted(path)} is {what} that is known",
            detail=f"the files of {old} and {new} are not known: {changes.files.unknown}",
        )
    if has_file(command.fleet, changes, states, os.fsencode(path)):
        return f"{path} does not differ between {old} and {new}"
    releases = shown_releases(states.values()) if is_release_too else []
    near = nearest(path, [*releases, *(show_path(each.path) for each in changes.files.changes)])
    raise UsageError(
        f"{quoted(path)} is {what} of {old} or {new}",
        detail=f"known releases: {', '.join(releases[:LISTED])}" if releases else "",
        hint=f'did you mean "{near}"?' if near else "`turnout diff --files` lists the files that differ",
    )


def _chosen(changes: Changes, path: str) -> FileChange | None:
    """The change of a file by its path, old or new, as it is or as it is shown."""
    wanted = path.encode("utf-8", "surrogateescape")
    for item in changes.files.changes:
        if wanted in (item.path, item.was) or path in (show_path(item.path), show_path(item.was)):
            return item
    return None


def sides(given: Sequence[str], on: Sequence[str], states: Mapping[str, ServerState]) -> tuple[Side, Side, str | None]:
    """The two releases that the words name, the older way round as they are given, and a file's path where one is.

    No word: from the previous release to the live one. One: from it to the live one, or where it is the live one, to it
    from the previous. Where `on` names two servers, the first side is looked at on one, the second on the other. A
    second word that no release has is a file's path. UsageError for a first one that names no release, or several.
    """
    known = list(states.values())
    live, previous = live_of(fleet_releases(known)), previous_tag(known)
    words = [part for word in given[:1] for part in _split(word)] + list(given[1:])
    if len(words) > 3:
        raise UsageError("too many words", hint="turnout diff ENV A [B] [FILE]")
    first = release_named(words[0], known) if words else None
    second = None
    path = words[2] if len(words) > 2 else None
    if len(words) > 2 or (len(words) > 1 and releases_meant(words[1], known)):
        second = release_named(words[1], known)
    elif len(words) > 1:
        path = words[1]
    if len(on) == 2:
        old = first or live
        if not old:
            raise UsageError("nothing is live yet", hint="name a release: `turnout releases` lists them")
        return Side(old, on[0]), Side(second or old, on[1]), path
    if first is None or (second is None and first == live):
        old, new = previous, live
    else:
        old, new = first, second or live
    if not old or not new:
        raise UsageError(
            "there is nothing to compare with yet", hint="name two releases: `turnout releases` lists them"
        )
    if old == new:
        raise UsageError(f"both are {old}", hint="--server X --server Y compares one release on two servers")
    return Side(old), Side(new), path


def _split(word: str) -> list[str]:
    """`A..B` as two words; no tag has two dots."""
    old, dots, new = word.partition("..")
    return [old, new] if dots and old and new else [word]
