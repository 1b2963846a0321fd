"""Projects to deploy: a turnout.toml and, beside it, a source of some kind with the files that a test names."""

from __future__ import annotations

import os
import subprocess
import tarfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import tomli_w

if TYPE_CHECKING:
    from core.config import Project


class Place(Protocol):
    """A deploy root on a server; its `alias` is the server's name and its `Host` in ~/.ssh/config."""

    @property
    def alias(self) -> str: ...

    @property
    def root(self) -> str: ...


@dataclass(frozen=True)
class Nowhere:
    """A place on a server that does not exist, for what a test does with a project on this machine alone."""

    alias: str = "web"
    root: str = "/srv/shop"


@dataclass(frozen=True)
class Link:
    """A symbolic link in a tree."""

    target: str | bytes


@dataclass(frozen=True)
class Script:
    """An executable file in a tree."""

    text: str


Files = Mapping[str, "str | bytes | Link | Script | None"] | Mapping[bytes, "str | bytes | Link | Script | None"]
"""Path in the tree to content; None removes it; a path that ends with a slash is an empty folder."""


def hook(on: str, run: str, **options: str) -> str:
    """TOML of a hook that runs a command; `options` are more keys of its table."""
    lines = [f'on = "{on}"', f"run = '''{run}'''", *(f'{key} = "{value}"' for key, value in options.items())]
    return "\n[[hooks]]\n" + "\n".join(lines) + "\n"


def holding_hook(on: str) -> str:
    """TOML of a hook on this machine that makes `holding` beside turnout.toml and lasts until that file is removed."""
    return hook(on, "touch holding; while [ -e holding ]; do sleep 0.05; done", where="operator")


def write_files(folder: Path, files: Files) -> None:
    """Write, replace or remove files below a folder."""
    for name, content in files.items():
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        if path.endswith(b"/"):
            os.makedirs(path, exist_ok=True)
            continue
        if os.path.lexists(path):
            os.unlink(path)
        if content is None:
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(content, Link):
            os.symlink(os.fsencode(content.target), path)
            continue
        script = isinstance(content, Script)
        text = content.text if isinstance(content, Script) else content
        with open(path, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        os.chmod(path, 0o755 if script else 0o644)


@dataclass(frozen=True)
class SampleProject:
    """A project on disk."""

    folder: Path
    """Holds turnout.toml."""
    tree: Path
    """The git work tree or the folder that is deployed."""
    source: str = "git"
    """The kind of source: a key of `[source]`."""

    @property
    def config(self) -> Path:
        return self.folder / "turnout.toml"

    def load(self) -> Project:
        """The project as the engine reads it, with this process's environment."""
        from core.config import load

        return load(self.config)

    def write(self, files: Files) -> None:
        """Write, replace or remove files of the tree, without a commit."""
        write_files(self.tree, files)

    def put(self, files: Files, message: str = "A change") -> None:
        """Write files, so that the next deploy has them: in a repository they are committed, an archive is packed."""
        if self.source == "git":
            self.commit(files, message)
        else:
            self.write(files)
        if self.source == "archive":
            with tarfile.open(self.folder / "app.tar", "w") as archive:
                archive.add(self.tree, ".")

    def set(self, **options: Any) -> None:
        """Change keys of `[source]`."""
        table = tomllib.loads(self.config.read_text())
        table["source"].update(options)
        self.config.write_text(tomli_w.dumps(table))

    def commit(self, files: Files, message: str = "A change") -> str:
        """Write files and commit everything in the tree; the new revision, 40 digits."""
        self.write(files)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def git(self, *words: str) -> str:
        """What a git command in the tree prints."""
        done = subprocess.run(
            ["git", *words], cwd=self.tree, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        return os.fsdecode(done.stdout.strip())


def make_project(
    folder: Path,
    destinations: Sequence[Place],
    files: Files,
    *,
    source: str = "git",
    environment: str = "production",
    source_options: Mapping[str, Any] | None = None,
    deploy: Mapping[str, Any] | None = None,
    environment_options: Mapping[str, Any] | None = None,
    extra: str = "",
) -> SampleProject:
    """A project in a new `folder` that deploys `files` to `destinations`; a git source has them as its first commit.

    source     the kind of source: "git", "directory" or "archive"
    *_options  more keys of `[source]` and of the environment's table; `deploy` is the table `[deploy]`
    extra      TOML text to append: hooks, checks, more environments
    """
    tree = folder / "app"
    tree.mkdir(parents=True)
    project = SampleProject(folder, tree, source)
    servers = [{"name": place.alias, "host": place.alias, "root": place.root} for place in destinations]
    table: dict[str, Any] = {
        "project": "shop",
        "source": {source: "app.tar" if source == "archive" else "app", **(source_options or {})},
        **({"deploy": dict(deploy)} if deploy else {}),
        "environments": {environment: {"servers": servers, **(environment_options or {})}},
    }
    project.config.write_text(f"{tomli_w.dumps(table)}\n{extra}")
    if source == "git":
        project.git("init", "--quiet", "--initial-branch=main")
    project.put(files, "The first version")
    return project
