"""The text of a new turnout.toml, with comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from tui.cli.proposals import Proposal, lines_of, proposal, subfolder_of

if TYPE_CHECKING:
    from core.config import Server
    from core.source import Source

SCHEMA = "turnout.schema.json"
"""The file with the JSON Schema that the first line of a new turnout.toml names."""


class Answers(Struct, frozen=True, kw_only=True):
    """What a first turnout.toml is made from: `source` is a key of [source], `place` its value; one server or more."""

    project: str
    source: str
    place: str
    environment: str = "production"
    servers: tuple[Server, ...]
    keep: int = 10


def source_kinds() -> dict[str, type[Source]]:
    """The kinds of source by their keys."""
    from core.config import KINDS
    from core.source.kinds import kind_named

    return {key: kind_named(key) for key in KINDS}


def render(answers: Answers, folder: Path | None = None) -> str:
    """The text of a turnout.toml; every value is quoted by tomli-w. It reads back as the answers.

    folder   holds the project: what is proposed for the files in it is part of the text
    """
    source = source_kinds()[answers.source]
    proposed = proposal(folder) if folder else Proposal()
    subfolder = subfolder_of(folder) if folder and answers.source == "git" else ""
    header = _line(**{answers.environment: 0}).removesuffix(" = 0")
    servers = [
        f"  {{ {', '.join(_line(**{key: value}) for key, value in _given(server))} }}," for server in answers.servers
    ]
    return "\n".join(
        [
            f"#:schema ./{SCHEMA}",
            f"# Editors check and complete this file after `turnout schema > {SCHEMA}` in its folder.",
            "# What Turnout deploys, and where to. docs/configuration.md explains every key.",
            "",
            _line(project=answers.project),
            "",
            "[source]",
            *_part(subfolder),
            _line(**{answers.source: answers.place}),
            *source.lines(answers.place),
            *_built(proposed, source.introduction.built_in, exclude=answers.source == "git"),
            "",
            "[deploy]",
            f"{_line(keep=answers.keep)}   # releases to keep on each server",
            "# Files and folders that all releases share; a trailing slash means a folder:",
            _list("shared", proposed.shared) if proposed.shared else '# shared = ["storage/", ".env"]',
            "",
            f"[environments.{header}]",
            "# Changes to a protected environment require typing its name:",
            "# protected = true",
            "servers = [",
            *servers,
            "]",
            "",
            "# A command in the new release's folder before it goes live:",
            *(lines_of(proposed.hooks, _line) if proposed.hooks else _EXAMPLE_HOOK),
            "# Checked after the switch; if a check fails, every server is switched back:",
            "# [[checks]]",
            '# http = "http://127.0.0.1:8080/healthz"   # asked from the server itself',
            '# contains = "{revision}"',
            "",
        ]
    )


_EXAMPLE_HOOK = (
    "# [[hooks]]",
    '# on = "prepare"',
    '# run = "composer install --no-dev"',
    '# timeout = "5m"',
    "",
)


def _part(subfolder: str) -> Iterator[str]:
    """What is said of a project that is a part of its repository."""
    if subfolder:
        yield f"# Only {ascii(subfolder)[1:-1]} of the repository is deployed, and builds see nothing else:"


def _built(proposed: Proposal, built_in: str, *, exclude: bool) -> Iterator[str]:
    """The lines of `build`, `publish` and `exclude`, as they are proposed, else as comments."""
    if proposed.build:
        yield f"# {' and '.join(proposed.found)}: run here, in {built_in}"
        yield _list("build", proposed.build)
    else:
        yield f'# build = ["npm ci", "npm run build"]   # run here, in {built_in}'
    if proposed.publish:
        yield "# The part of the built tree that is deployed; check that the build puts it there:"
        yield _line(publish=proposed.publish)
    else:
        yield '# publish = "dist"            # the part of the built tree that is deployed'
    if proposed.exclude and exclude:
        yield "# Only the build needs it:"
        yield _list("exclude", proposed.exclude)


def _given(server: Server) -> list[tuple[str, str | int]]:
    return [(field.key, value) for field in server.fields() if (value := getattr(server, field.name))]


def _line(**entry: str | int) -> str:
    """`key = value`, with `${` kept from being taken for a variable."""
    import tomli_w

    plain = {key: value.replace("${", "$${") if isinstance(value, str) else value for key, value in entry.items()}
    return tomli_w.dumps(plain).removesuffix("\n")


def _list(key: str, values: Sequence[str]) -> str:
    """`key = ["one", "two"]` on one line."""
    return f"{key} = [{', '.join(_line(x=value).removeprefix('x = ') for value in values)}]"
