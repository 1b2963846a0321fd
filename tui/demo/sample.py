"""The sample project of the demo: a git repository with a history, and the turnout.toml that deploys it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import tomli_w
from msgspec import Struct

from core.errors import SourceError
from tui.demo import shop
from tui.demo.servers import SITE_PORT, EmbeddedServer

ANA = "Ana Lopes <ana@loom.example>"
BEN = "Ben Okafor <ben@loom.example>"
MEI = "Mei Tanaka <mei@loom.example>"

PHOTO_BYTES = 500_000
WINTER_PHOTO_BYTES = 2_400_000

BROKEN_SUBJECT = "Switch to the new cart service"
"""The subject of the commit whose release fails its check: its front page needs a script that is not there."""


class Change(Struct, frozen=True):
    """One commit to be made: who, how long before the newest, and the files it writes (None: removes)."""

    subject: str
    author: str
    days: float
    files: Mapping[str, str | bytes | None]
    tag: str = ""


def history(photo_bytes: int = PHOTO_BYTES, winter_photo_bytes: int = WINTER_PHOTO_BYTES) -> list[Change]:
    """The commits of `main`, oldest first."""
    cart = ("js/cart.js",)
    everything = shop.FABRICS + shop.WINTER
    hours = "Open from 10 to 18, on Saturdays to 16."
    return [
        Change(
            "Start the shop: one page, one style sheet",
            ANA,
            38.2,
            {
                ".gitattributes": shop.ATTRIBUTES,
                "README.md": shop.README,
                "REVISION": shop.REVISION,
                "css/shop.css": shop.STYLE,
                "index.html": shop.front_page(),
                "tools/compress": shop.COMPRESS,
            },
        ),
        Change(
            "Photographs of the first six fabrics",
            BEN,
            36.9,
            {f"img/{name}.png": shop.photograph(name, photo_bytes) for name in shop.FABRICS},
        ),
        Change(
            "A page for each fabric",
            ANA,
            33.1,
            {f"{name}.html": shop.fabric_page(name) for name in shop.FABRICS}
            | {"index.html": shop.front_page(shop.FABRICS)},
        ),
        Change(
            "A cart that survives a reload",
            MEI,
            29.8,
            {"js/cart.js": shop.CART, "index.html": shop.front_page(shop.FABRICS, scripts=cart)},
            tag="v1.0",
        ),
        Change("Tell search engines what there is", BEN, 24.3, {"robots.txt": shop.ROBOTS}),
        Change(
            "Prices with taxes, as the law wants them",
            ANA,
            20.0,
            {f"{name}.html": shop.fabric_page(name, taxes=True) for name in shop.FABRICS},
        ),
        Change(
            "A style sheet for paper",
            ANA,
            15.6,
            {
                "css/print.css": shop.PRINT,
                "index.html": shop.front_page(shop.FABRICS, scripts=cart, styles=("css/print.css",)),
            },
        ),
        Change("Fix cart totals when a piece is taken out", MEI, 11.4, {"js/cart.js": shop.CART_FIXED}, tag="v1.1"),
        Change(
            "Opening hours on the front page",
            BEN,
            6.7,
            {"index.html": shop.front_page(shop.FABRICS, scripts=cart, styles=("css/print.css",), note=hours)},
        ),
        Change(
            "Photographs and pages for the winter range",
            BEN,
            2.9,
            {f"img/{name}.png": shop.photograph(name, winter_photo_bytes) for name in shop.WINTER}
            | {f"{name}.html": shop.fabric_page(name, taxes=True) for name in shop.WINTER}
            | {"index.html": shop.front_page(everything, scripts=cart, styles=("css/print.css",), note=hours)},
        ),
        Change(
            BROKEN_SUBJECT,
            MEI,
            1.2,
            {
                "js/cart.js": None,
                "index.html": shop.front_page(
                    everything, scripts=("js/cart-service.js",), styles=("css/print.css",), note=hours
                ),
            },
        ),
        Change("Add the script that the new cart service needs", MEI, 0.3, {"js/cart-service.js": shop.SERVICE}),
    ]


RELEASED = (3, 5, 7, 8)
"""Indexes in `history` of the commits that the demo deploys before it shows anything."""
SEARCH_FROM = 8
"""Index of the commit that the branch `search` starts from."""


def make_repository(folder: Path, changes: Sequence[Change], newest: datetime) -> list[str]:
    """A repository in `folder` with `main` checked out and a branch `search`; the commits' ids, oldest first.

    The same changes and `newest`, the time the commits' ages count from, give the same ids.
    """
    _git(folder, "init", "-q", "-b", "main")
    _git(folder, "fast-import", "--quiet", "--done", stream=b"".join(_stream(changes, newest)))
    _git(folder, "reset", "-q", "--hard")
    (folder / ".git/info").mkdir(exist_ok=True)
    (folder / ".git/info/exclude").write_text("/turnout.toml\n")
    return _git(folder, "rev-list", "--reverse", "main").split()


def write_config(folder: Path, production: Sequence[EmbeddedServer], staging: Sequence[EmbeddedServer]) -> Path:
    """The project's turnout.toml."""
    check = {
        "http": f"http://127.0.0.1:{SITE_PORT}/healthz",
        "contains": "{revision}",
        "attempts": 5,
        "interval": "500ms",
    }
    hooks = [
        {"on": "prepare", "run": "sh tools/compress"},
        {"on": "after-switch", "run": 'echo "$TURNOUT_TAG is live" | tee -a storage/switches.log'},
        {"on": "after-rollback", "run": 'echo "back on $TURNOUT_TAG" | tee -a storage/switches.log'},
    ]
    environments = {
        name: {"servers": [{"name": server.name, "host": server.name, "root": str(server.root)} for server in servers]}
        for name, servers in (("production", production), ("staging", staging))
        if servers
    }
    path = folder / "turnout.toml"
    content = {
        "project": "shop",
        "source": {"git": ".", "ref": "main"},
        "deploy": {"keep": 8, "shared": ["storage/"]},
        "environments": environments,
        "hooks": hooks,
        "checks": [check],
        "logs": [
            {"name": "access", "file": "storage/access.log"},
            {"name": "switches", "file": "storage/switches.log"},
        ],
    }
    path.write_text(tomli_w.dumps(content))
    return path


def _stream(changes: Sequence[Change], newest: datetime) -> Iterator[bytes]:
    """The input of `git fast-import`."""
    search = Change(
        "Search while typing",
        ANA,
        5.1,
        {
            "js/search.js": shop.SEARCH,
            "index.html": shop.front_page(
                shop.FABRICS,
                scripts=("js/cart.js", "js/search.js"),
                styles=("css/print.css",),
                note="<input id=search placeholder=Search>",
            ),
        },
    )
    for mark, change in enumerate(changes, start=1):
        yield from _commit("refs/heads/main", change, newest, mark)
        if change.tag:
            yield f"reset refs/tags/{change.tag}\nfrom :{mark}\n\n".encode()
    yield from _commit("refs/heads/search", search, newest, len(changes) + 1, start=SEARCH_FROM + 1)
    yield b"done\n"


def _commit(branch: str, change: Change, newest: datetime, mark: int, start: int = 0) -> Iterator[bytes]:
    made = newest - timedelta(days=change.days)
    who = f"{change.author} {int(made.timestamp())} +0000".encode()
    yield b"commit %s\nmark :%d\nauthor %s\ncommitter %s\n" % (branch.encode(), mark, who, who)
    yield _counted(change.subject.encode() + b"\n")
    if start:
        yield b"from :%d\n" % start
    for path, content in change.files.items():
        if content is None:
            yield f"D {path}\n".encode()
        else:
            yield f"M 100644 inline {path}\n".encode()
            yield _counted(content.encode() if isinstance(content, str) else content)
    yield b"\n"


def _counted(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _git(folder: Path, *words: str, stream: bytes | None = None) -> str:
    """Run git on the sample, untouched by the person's own configuration; what it printed."""
    quick = ("-c", "core.compression=0", "-c", "pack.compression=0", "-c", "fastimport.unpackLimit=1")
    foreign = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"}
    environ = {name: value for name, value in os.environ.items() if name not in foreign}
    environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    try:
        done = subprocess.run(
            ["git", *quick, *words],
            cwd=folder,
            env=environ,
            input=stream,
            stdin=subprocess.DEVNULL if stream is None else None,
            capture_output=True,
            check=True,
        )
    except FileNotFoundError as error:
        raise SourceError("git is not installed", hint="the demo deploys a git repository of its own") from error
    except subprocess.CalledProcessError as error:
        detail = error.stderr.decode("utf-8", "replace")
        raise SourceError(f"git {words[0]} failed in the demo's project", detail=detail) from error
    return done.stdout.decode("utf-8", "replace")
