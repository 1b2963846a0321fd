"""A directory as a source: taken as it is, where it is; nothing is copied."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from core.errors import SourceError
from core.source.build import build, turnout_variables
from core.source.folder import part_of, scan
from core.source.hashes import Hashes
from core.source.kinds import Introduction, Unversioned, place
from core.source.making import Making
from core.source.selection import excluding
from core.source.sums import KeptSums
from core.source.tree import Tree

_BUILT_FOLDERS = ("dist", "build", "public", "_site")


class DirectorySource(Unversioned):
    """The directory that `source.directory` names: relative to turnout.toml, `~` for the home folder."""

    introduction = Introduction(
        flag="deploy this folder as it is",
        takes="FOLDER",
        answer="a directory as it is",
        question="Directory to deploy",
        built_in="that directory",
    )

    @classmethod
    def proposed(cls, folder: Path) -> str:
        """The folder that a build usually makes, else this one."""
        return next((name for name in _BUILT_FOLDERS if (folder / name).is_dir()), ".")

    @classmethod
    def lines(cls, place: str) -> Sequence[str]:
        if place == ".":
            # turnout.toml lies in what is deployed, and often a file of secrets beside it.
            return ('exclude = ["/turnout.toml", ".env"]   # gitignore patterns: what is not deployed',)
        return ('# exclude = ["/docs", "*.map"]   # gitignore patterns',)

    def tree(self, ref: str | None, target: str, how: Making) -> Tree:
        """The directory as it is now, after the build commands, which run in it every time.

        It may be given by a symbolic link, which is followed. `.git` at the top is never part of the tree; other things
        are left out by `source.exclude`. What is private in it is private on the servers.
        """
        self.check(ref)
        project = self.project
        folder = place(project)
        if not folder.is_dir():
            raise SourceError(
                f"source.directory: {folder} is not a folder"
                if folder.exists()
                else f"source.directory: there is no {folder}",
                hint="does something have to be built first?",
            )
        build(project, folder, turnout_variables(project, target, "", ""), how.emit, how.cancel)
        part = part_of(folder.resolve(), project.source.publish)
        file = project.settings.cache / "hashes" / hashlib.sha256(os.fsencode(part)).hexdigest()[:16]
        hashes = Hashes.load(file)
        excluded, sums = excluding(project.source.exclude), KeptSums(project.settings.cache)
        manifest = scan(part, how.cancel, excluded=excluded, hashes=hashes, sums=sums, as_it_is=True)
        return Tree(
            folder=part,
            manifest=manifest,
            revision=f"content:{manifest.digest[:12]}",
            source="directory",
            committed=time.time(),
            hashes=hashes,
        )
