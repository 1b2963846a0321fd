"""An archive as a source: unpacked into the cache once, and deployed from there."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from core.errors import SourceError
from core.events import Emit
from core.jobs import Cancel
from core.manifest import Entry, Manifest
from core.source.archive import tarred, zipped
from core.source.archive.member import Budget, Damaged, Member
from core.source.archive.streams import Stream
from core.source.archive.unpacking import links_out, refuse, unpack
from core.source.build import build, commands, turnout_variables
from core.source.folder import SETTLED, part_of, scan
from core.source.git.export_cache import FILES, About, Export, finish, load, stamped
from core.source.hashes import stamp_of
from core.source.kinds import Introduction, Unversioned, place
from core.source.making import Making
from core.source.selection import selected
from core.source.store import discard, make_folder, making
from core.source.sums import KeptSums
from core.source.tree import Tree
from core.version import VERSION


class ArchiveSource(Unversioned):
    """The tar or zip file that `source.archive` names: relative to turnout.toml, `~` for the home folder."""

    introduction = Introduction(
        flag="deploy what is in this tar or zip file",
        takes="FILE",
        answer="archive",
        question="Archive to deploy",
        built_in="a clean copy of what is in it",
    )

    @classmethod
    def proposed(cls, folder: Path) -> str:
        """Nothing: a folder with an archive in it rarely means that the archive is deployed."""
        return ""

    @classmethod
    def lines(cls, place: str) -> Sequence[str]:
        return (
            "# strip = 1                 # folders that each path in it loses at its front",
            '# exclude = ["/docs", "*.map"]   # gitignore patterns',
        )

    def tree(self, ref: str | None, target: str, how: Making) -> Tree:
        """What the archive holds now, after the build commands, which run each time in a clean copy of it.

        What is private in it is private on the servers, but not after a build. SourceError with the name of everything
        that cannot be deployed.
        """
        self.check(ref)
        file = place(self.project)
        if not file.is_file():
            what = f"{file} is not a file" if file.exists() else f"there is no {file}"
            raise SourceError(f"source.archive: {what}", hint="does something have to be built or fetched first?")
        publish = self.project.source.publish
        parent = self.project.settings.cache / "exports" / f"archive-{_short(str(file))}"
        make_folder(parent)
        if commands(self.project):
            export = self._built(file, parent, target, how.emit, how.cancel)
            manifest, folder = export.manifest, export.files
        else:
            export = self._plain(file, parent, how.cancel)
            manifest = selected(export.manifest, publish, self.project.source.exclude)
            folder = export.files / publish
            refuse(file.name, links_out(manifest.entries))
        return Tree(
            folder=folder,
            manifest=manifest,
            revision=f"content:{manifest.digest[:12]}",
            source="archive",
            committed=time.time(),
            stable=True,
        )

    def _plain(self, file: Path, parent: Path, cancel: Cancel) -> Export:
        """What the archive holds. One that was not touched lately is unpacked once."""
        source = self.project.source
        facts = os.stat(file)
        key = json.dumps([VERSION, source.strip, source.limit, stamp_of(facts).hex()])
        final = parent / _short(key)
        settled = max(facts.st_mtime_ns, facts.st_ctime_ns) < time.time_ns() - SETTLED
        if settled and (existing := load(final)):
            return existing
        with making(parent) as work:
            files = work / FILES
            files.mkdir()
            entries = self._unpack(file, files, cancel)
            return finish(work, final if settled else stamped(final), Manifest(entries), About("", "", "", 0.0))

    def _built(self, file: Path, parent: Path, target: str, emit: Emit, cancel: Cancel) -> Export:
        """What the build commands make of it."""
        source = self.project.source
        with making(parent) as work:
            tree = work / "build"
            tree.mkdir()
            self._unpack(file, tree, cancel)
            build(self.project, tree, turnout_variables(self.project, target, "", ""), emit, cancel)
            part = part_of(tree, source.publish)
            manifest = selected(scan(part, cancel, sums=KeptSums(self.project.settings.cache)), "", source.exclude)
            part.rename(work / FILES)
            if source.publish:
                discard(tree, parent)
            return finish(work, stamped(parent / "built"), manifest, About("", "", "", 0.0))

    def _unpack(self, file: Path, folder: Path, cancel: Cancel) -> dict[bytes, Entry]:
        source = self.project.source
        with open(file, "rb") as stream:
            before = stamp_of(os.fstat(stream.fileno()))
            try:
                entries = unpack(_members(stream, file.name, source.limit), folder, file.name, source.strip, cancel)
            except Damaged as error:
                raise SourceError(f"{file.name}: {error.title}", detail=error.detail, hint=error.hint) from None
            if stamp_of(os.fstat(stream.fileno())) != before:
                raise SourceError(f"{file.name} was changed while it was read", hint="run the command again")
        refuse(file.name, links_out(entries))
        return entries


def _members(file: BinaryIO, name: str, limit: int) -> Iterator[Member]:
    budget = Budget(name, limit)
    head = file.read(4)
    file.seek(0)
    return zipped.members(file, budget) if head in zipped.MAGIC else tarred.members(Stream(file, budget))


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
