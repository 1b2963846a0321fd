"""What `turnout init` proposes for the files that it finds in a folder: build, publish, shared, hooks (reads only)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from core.files import read_small


class ProposedHook(Struct, frozen=True):
    """A hook, and why it is proposed."""

    on: str
    run: str
    why: str


class Proposal(Struct, frozen=True):
    """What is proposed; empty where nothing was found.

    found    the files that say so
    build    commands, run on the operator's machine
    publish  the part of the built tree that is deployed
    shared   paths that all releases share
    exclude  patterns of what is not deployed
    """

    found: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    publish: str = ""
    shared: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hooks: tuple[ProposedHook, ...] = ()


def proposal(folder: Path) -> Proposal:
    """What fits a project in this folder. Nothing is raised: a file that cannot be read proposes nothing."""
    parts = [part for make in (_node, _php, _python, _ruby, _hugo) if (part := make(folder))]
    server_side = any(part.hooks for part in parts)
    return Proposal(
        found=tuple(name for part in parts for name in part.found),
        build=tuple(command for part in parts for command in part.build),
        # What runs on the servers needs the whole tree: an application in PHP with a build of its styles, for example.
        publish="" if server_side else next((part.publish for part in parts if part.publish), ""),
        shared=tuple(dict.fromkeys(path for part in parts for path in part.shared)),
        exclude=tuple(pattern for part in parts for pattern in part.exclude) if server_side else (),
        hooks=tuple(hook for part in parts for hook in part.hooks),
    )


_LOCKS = (
    ("pnpm-lock.yaml", "pnpm install --frozen-lockfile", "pnpm run build"),
    ("yarn.lock", "yarn install --frozen-lockfile", "yarn run build"),
    ("bun.lock", "bun install --frozen-lockfile", "bun run build"),
    ("bun.lockb", "bun install --frozen-lockfile", "bun run build"),
    ("package-lock.json", "npm ci", "npm run build"),
    ("", "npm install", "npm run build"),
)
_STATIC = {
    "react-scripts": "build",
    "gatsby": "public",
    "@11ty/eleventy": "_site",
    "vitepress": ".vitepress/dist",
    "vite": "dist",
    "parcel": "dist",
    "webpack": "dist",
}
"""Where tools that make static files put them, unless they are told otherwise."""
_SERVERS = ("next", "nuxt", "@remix-run/node", "@sveltejs/kit", "express", "fastify", "koa", "@nestjs/core", "astro")
"""Packages of applications that run on a server, or may: all of the tree is deployed."""


def _node(folder: Path) -> Proposal | None:
    package = _json(folder / "package.json")
    if package is None:
        return None
    install, build = next((words for lock, *words in _LOCKS if not lock or (folder / lock).is_file()))
    packages = {**_table(package, "dependencies"), **_table(package, "devDependencies")}
    if "build" not in _table(package, "scripts"):
        return Proposal(("package.json",), (install,), exclude=("node_modules",))
    runs = any(name in packages for name in _SERVERS)
    publish = "" if runs else next((place for name, place in _STATIC.items() if name in packages), "")
    return Proposal(("package.json",), (install, build), publish, exclude=("node_modules",))


def _php(folder: Path) -> Proposal | None:
    if _json(folder / "composer.json") is None:
        return None
    shared: tuple[str, ...] = ()
    if (folder / "artisan").is_file():
        shared = ("storage/", ".env")
    elif (folder / "bin/console").is_file():
        shared = ("var/log/", ".env.local")
    install = "composer install --no-dev --no-interaction --optimize-autoloader"
    return Proposal(
        ("composer.json",), shared=shared, hooks=(ProposedHook("prepare", install, "composer.json: what PHP needs"),)
    )


def _python(folder: Path) -> Proposal | None:
    names = [name for name in ("pyproject.toml", "requirements.txt") if (folder / name).is_file()]
    if not names:
        return None
    what = "-r requirements.txt" if names[-1] == "requirements.txt" else "."
    run = f"python3 -m venv .venv && .venv/bin/pip install --quiet {what}"
    why = f"{names[-1]}: a venv in the release's own folder, because its paths are absolute"
    return Proposal((names[-1],), shared=(".env",), hooks=(ProposedHook("finalize", run, why),))


def _ruby(folder: Path) -> Proposal | None:
    if not (folder / "Gemfile").is_file():
        return None
    shared = ("log/", "storage/", "tmp/pids/") if (folder / "config/application.rb").is_file() else ()
    run = "bundle config set --local deployment true && bundle config set --local without development:test"
    return Proposal(
        ("Gemfile",),
        shared=shared,
        hooks=(ProposedHook("prepare", f"{run} && bundle install", "Gemfile: what Ruby needs"),),
    )


def _hugo(folder: Path) -> Proposal | None:
    names = [f"{stem}.{ending}" for stem in ("hugo",) for ending in ("toml", "yaml", "json")]
    found = next((name for name in names if (folder / name).is_file()), "")
    return Proposal((found,), ("hugo --minify",), "public") if found else None


def _json(path: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads(read_small(path))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _table(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found.get(key)
    return value if isinstance(value, dict) else {}


def subfolder_of(folder: Path) -> str:
    """Where a folder lies in the repository that it is a part of: `services/shop`; "" where it is no such part."""
    top = next((above for above in folder.resolve().parents if (above / ".git").exists()), None)
    if top is None or (folder / ".git").exists():
        return ""
    return folder.resolve().relative_to(top).as_posix()


def lines_of(hooks: Sequence[ProposedHook], line: Any) -> Iterator[str]:
    """The tables of hooks; `line` writes a key with its value."""
    for hook in hooks:
        yield from (f"# {hook.why}:", "[[hooks]]", line(on=hook.on), line(run=hook.run), 'timeout = "10m"', "")
