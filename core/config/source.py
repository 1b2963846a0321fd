"""[source] of turnout.toml: the kinds of source, and what can be said of any of them.

A new kind is an entry of KINDS and a key of `Source`, here, and the class that the entry names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from core.config import values
from core.config.patterns import Pattern, all_or_nothing
from core.config.placing import listed
from core.config.readers import Check
from core.config.table import Broken, Table, exactly_one
from core.config.types import Command, Size
from core.moments import BUILD


class Kind(Struct, frozen=True):
    """A kind of source, at its key of [source].

    made_by    the class that makes its trees (core.source.kinds.Source), as `module:class`: loaded when it is needed
    noun       what it is in a sentence: "a directory"
    check      gives the key's value in its one form; ValueError says what is wrong with it
    revisions  a person chooses among branches, tags and commits
    """

    made_by: str
    noun: str
    check: Callable[[str], str]
    revisions: bool = False


KINDS = {
    "git": Kind("core.source.git.source:GitSource", "a git repository", values.repository, revisions=True),
    "directory": Kind("core.source.directory:DirectorySource", "a directory", values.own_folder),
    "archive": Kind("core.source.archive.source:ArchiveSource", "an archive", values.own_file),
}
"""By key of [source]; `turnout init` offers them in this order."""


NOTHING_LEFT = "nothing would be deployed"
"""What `exclude` does that matches everything."""


class Source(Table):
    """Where a tree comes from."""

    kinds: ClassVar[Mapping[str, Kind]] = KINDS
    """The keys of which it has exactly one."""

    repeats: ClassVar[frozenset[str]] = frozenset({"build"})

    git: Annotated[str, Check(KINDS["git"].check)] | None = None
    """A git repository: its folder, relative to turnout.toml."""
    directory: Annotated[str, Check(KINDS["directory"].check)] | None = None
    """A folder that is deployed as it is, relative to turnout.toml."""
    archive: Annotated[str, Check(KINDS["archive"].check)] | None = None
    """A tar or zip file whose content is deployed, relative to turnout.toml."""
    path: Annotated[str, Check(values.source_path)] = ""
    """The folder of the repository that is deployed; "" for all of it."""
    ref: Annotated[str, Check(values.ref)] = "HEAD"
    """The branch, tag or commit that is deployed when no other is asked for; `tag:v*` is the newest such tag."""
    strip: Annotated[int, Meta(ge=0, le=100)] = 0
    """Folders that each path of an archive loses at its front."""
    limit: Size = values.Bytes(4_000_000_000)
    """Bytes that an archive may hold, unpacked."""
    exclude: tuple[Pattern, ...] = ()
    """gitignore patterns of what is not deployed."""
    build: tuple[Command, ...] = ()
    """Commands that make the tree, run on the operator's machine in the exported folder."""
    build_env: tuple[Annotated[str, Check(values.variable)], ...] = msgspec.field(default=(), name="build-env")
    """Variables of the operator's environment that the build sees and depends on; `VITE_*` are all that begin so."""
    build_tools: tuple[Annotated[str, Check(values.program)], ...] = msgspec.field(default=(), name="build-tools")
    """Programs that the build depends on though its commands do not name them."""
    publish: Annotated[str, Check(values.publish)] = ""
    """The part of the built tree that is deployed; "" for all of it."""

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        yield from exactly_one(table, *KINDS)
        yield from all_or_nothing(table, "exclude", NOTHING_LEFT)
        given = [kind for key, kind in KINDS.items() if key in table]
        for key in ("path", "ref"):
            if key in table and given and not any(kind.revisions for kind in given):
                yield (key,), f"is only for a git source; {given[0].noun} has no revisions", ""
        for key in ("strip", "limit"):
            if key in table and given and KINDS["archive"] not in given:
                yield (key,), f"is only for an archive, not for {given[0].noun}", ""

    @property
    def oddities(self) -> list[str]:
        """What is allowed, but hardly meant: patterns that begin with the folder below which they are looked for."""
        folder = self.publish.strip("/")
        found = [text for text in self.exclude if folder and f"{text.strip('/')}/".startswith(f"{folder}/")]
        return [
            f'exclude "{pattern}" is looked for below publish = "{folder}": without "{folder}/" in front it would '
            "leave out what is there"
            for pattern in found
        ]

    @property
    def kind(self) -> str:
        """The key of the kind that is given."""
        return next(key for key in KINDS if getattr(self, key) is not None)

    @property
    def place(self) -> str:
        """The value of that key, as it is written: a path, relative to turnout.toml."""
        value: str = getattr(self, self.kind)
        return value

    @property
    def has_revisions(self) -> bool:
        """Whether a person chooses among branches, tags and commits."""
        return KINDS[self.kind].revisions


def only_for_builds(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that what a build sees needs a build, or a build hook. Of the whole file."""
    source = table.get("source")
    hooks = [hook for hook in listed(table, "hooks") if isinstance(hook, dict) and hook.get("on") == BUILD.name]
    if not isinstance(source, dict) or source.get("build") or hooks:
        return
    for key in ("build-env", "build-tools"):
        if source.get(key):
            yield ("source", key), "is for build commands, and there are none", 'build = ["npm run build"]'
