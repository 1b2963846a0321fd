"""The application's logs and tasks, as JSON objects (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.rows.base import Row
from core.version import FORMAT


class LogRow(Row):
    """A line of a log of the application; new: it was written while the log was followed."""

    time: float
    server: str
    log: str
    file: str
    line: str
    level: str
    new: bool


class LogStateRow(Row):
    """How it stands with a log on a server."""

    server: str
    log: str
    state: str
    text: str


class LogGapRow(Row):
    """Something was left out of the logs of a server."""

    server: str
    text: str


class TaskRow(Row):
    """A task of turnout.toml, and the chosen servers that it runs on; none where it runs on the operator's machine."""

    task: str
    run: str
    where: str
    servers: list[str]


class StoredRow(Row):
    """A tree in the store.

    tree           its manifest's SHA-256
    environments   for which it was pushed, with commas between   revision, subject, by   of the last push
    bytes          of all its objects in the store                 written   when the last of them was written
    fault          what `verify` found wrong                       removed   `prune` removes it
    """

    tree: str
    environments: str
    revision: str
    subject: str
    by: str
    bytes: int
    written: float
    fault: str
    removed: bool


class SettingRow(Row):
    """A key of turnout.toml that has a value in an environment.

    table, number   its table, and the place of that among those of the same name, from 0
    value           as TOML; "***" for what may be a secret
    source          from where it comes: file, environment (in place of the project's), option, variable, default
    place           its key in the file     variables   the names of `${NAME}` in it
    """

    table: str
    number: int
    key: str
    value: str
    source: str
    place: str
    variables: list[str]


def setting_row(
    table: str, number: int, key: str, value: str, source: str, place: str, variables: Sequence[str]
) -> SettingRow:
    """A key of turnout.toml that has a value."""
    return SettingRow(
        event="setting",
        format=FORMAT,
        table=table,
        number=number,
        key=key,
        value=value,
        source=source,
        place=place,
        variables=list(variables),
    )


def log_state_row(server: str, log: str, state: str, text: str) -> LogStateRow:
    """How it stands with a log on a server."""
    return LogStateRow(event="log-state", format=FORMAT, server=server, log=log, state=state, text=text)


def log_gap_rows(gaps: Iterable[tuple[str, str]]) -> list[LogGapRow]:
    """By server, what was left out."""
    return [LogGapRow(event="log-gap", format=FORMAT, server=server, text=text) for server, text in gaps]


def task_row(name: str, run: str, where: str, servers: Sequence[str]) -> TaskRow:
    """A task and the chosen servers that it runs on."""
    return TaskRow(event="task", format=FORMAT, task=name, run=run, where=where, servers=list(servers))


def stored_row(
    tree: str,
    there: int = 0,
    written: float = 0.0,
    *,
    said: Mapping[str, str] | None = None,
    fault: str = "",
    removed: bool = False,
) -> StoredRow:
    """A tree in the store, for `store list`, `verify` and `prune`. said: what is known of the last push."""
    known = said or {}
    return StoredRow(
        event="stored",
        format=FORMAT,
        tree=tree,
        environments=known.get("environments", ""),
        revision=known.get("revision", ""),
        subject=known.get("subject", ""),
        by=known.get("by", ""),
        bytes=there,
        written=written,
        fault=fault,
        removed=removed,
    )
