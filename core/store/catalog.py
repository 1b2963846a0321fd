"""The keys of a store's objects, and the facts in them (pure). What is read is checked: anybody may have written it.

PROJECT/trees/DIGEST/manifest                    the tree's manifest, whose SHA-256 is DIGEST
PROJECT/trees/DIGEST/whole/pack.json             the facts of the pack with all of the tree: that it is there
PROJECT/trees/DIGEST/whole/ID.tar.gz             that pack; each has an id of its own, so that the facts never
                                                 speak of another one, whoever pushes at the same time
PROJECT/trees/DIGEST/from/OLD/…                  likewise what turns the tree OLD into this one
PROJECT/trees/DIGEST/pushed/ENVIRONMENT/REVISION.json   for which environment it was pushed, as which revision
PROJECT/trees/DIGEST/used                        empty; written when a deploy takes the tree from here
PROJECT/trials/ID.tar.gz                         what doctor tries the store with, and removes
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from core.protocol.values import seconds
from core.records import is_digest
from core.text import clean

FORMAT = 1
LONGEST_FACTS = 64 << 10
"""Bytes of an object with facts."""
LONGEST_MANIFEST = 512 << 20
"""Bytes of a manifest: that of four million files."""
TREES = "trees"
TRIALS = "trials"
_ID = re.compile(r"[0-9a-f]{16}")
_MOST = 1 << 50
_TOKEN = re.compile(r"[^A-Za-z0-9._-]")


class Pack(Struct, frozen=True):
    """A pack: a tar stream with the entries of a tree, compressed with gzip.

    id       of its object                       sha256, bytes   of the pack itself
    content  bytes of file content in it         files           how many files it has
    """

    id: str
    sha256: str
    bytes: int
    content: int
    files: int
    format: int = FORMAT


class Pushed(Struct, frozen=True):
    """What is known of a tree that was pushed: the fields are those of core.records.Record.

    environment  that it was built for      pushed   when, in seconds since the epoch, UTC
    """

    environment: str
    revision: str
    source: str
    pushed: float
    subject: str = ""
    author: str = ""
    ref: str = ""
    committed: float = 0.0
    by: str = ""
    bytes: int = 0
    files: int = 0
    format: int = FORMAT


class Object(Struct, frozen=True):
    """An object: its key below the project's folder, its bytes, and when it was written (seconds since the epoch)."""

    key: str
    bytes: int
    written: float


@dataclass(frozen=True)
class StoredTree:
    """A tree in the store.

    pushed   for which environments it was made, the last one first     bytes   of all its objects together
    """

    digest: str
    pushed: tuple[Pushed, ...]
    bytes: int
    newest: float
    keys: tuple[str, ...] = field(repr=False)

    @property
    def said(self) -> Mapping[str, str]:
        """For people: the environments it was pushed for; revision, subject, and by whom, of the last push."""
        newest = self.pushed[0] if self.pushed else None
        return {
            "environments": ", ".join(dict.fromkeys(each.environment for each in self.pushed)),
            "revision": newest.revision if newest else "",
            "subject": newest.subject if newest else "",
            "by": newest.by if newest else "",
        }


class Pruning(Struct, frozen=True):
    """What a prune of the store removes: trees that no record names, packs of changes, and what nothing names.

    kept     how many trees stay
    unused   environments of which no server has a record: trees that were pushed for them stay
    """

    trees: tuple[StoredTree, ...]
    others: tuple[Object, ...]
    kept: int
    unused: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(tree.bytes for tree in self.trees) + sum(item.bytes for item in self.others)

    @property
    def empty(self) -> bool:
        return not self.trees and not self.others


def tree_folder(digest: str) -> str:
    return f"{TREES}/{digest}"


def manifest_key(digest: str) -> str:
    return f"{TREES}/{digest}/manifest"


def pack_folder(digest: str, old: str = "") -> str:
    """Where a pack and its facts are; old: the digest of the tree that it changes, "" for all of the tree."""
    return f"{TREES}/{digest}/from/{old}" if old else f"{TREES}/{digest}/whole"


def facts_key(digest: str, old: str = "") -> str:
    return f"{pack_folder(digest, old)}/pack.json"


def pack_key(digest: str, id_: str, old: str = "") -> str:
    return f"{pack_folder(digest, old)}/{id_}.tar.gz"


def pushed_key(digest: str, pushed: Pushed) -> str:
    return f"{TREES}/{digest}/pushed/{pushed.environment}/{token(pushed.revision)}.json"


def used_key(digest: str) -> str:
    return f"{TREES}/{digest}/used"


def token(revision: str) -> str:
    """A revision as a part of a key: a commit as it is."""
    return _TOKEN.sub("_", revision)[:100] or "_"


def short(revision: str) -> str:
    """A revision, or one as a part of a key, as people know it: of a folder's content it is the digest that tells."""
    return revision[: 12 + len("content:")] if revision.startswith(("content:", "content_")) else revision[:12]


def trial_key(id_: str) -> str:
    return f"{TRIALS}/{id_}.tar.gz"


def digest_in(key: str) -> str:
    """The digest of the tree that an object belongs to; "" for one that Turnout did not write."""
    parts = key.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == TREES and is_digest(parts[1]) else ""


def pushed_in(key: str) -> tuple[str, str, str] | None:
    """Digest, environment and revision (as `token` writes it) of a key of `pushed_key`; None for another one."""
    parts = key.split("/")
    if len(parts) != 5 or not digest_in(key) or parts[2] != "pushed" or not parts[4].endswith(".json"):
        return None
    return parts[1], parts[3], parts[4].removesuffix(".json")


def base_in(key: str) -> str:
    """The digest of the tree that a pack of changes is for; "" for what is none."""
    parts = key.split("/")
    return parts[3] if len(parts) == 5 and digest_in(key) and parts[2] == "from" and is_digest(parts[3]) else ""


def to_json(facts: Pack | Pushed) -> bytes:
    return json.dumps(asdict(facts), ensure_ascii=False, sort_keys=True).encode("utf-8", "backslashreplace")


def parse_pack(raw: bytes) -> Pack | None:
    """The facts of a pack; None where they are none, or of a format that this version does not know."""
    table = _table(raw)
    ok = (
        is_digest(_text(table, "sha256"))
        and _ID.fullmatch(_text(table, "id"))
        and all(_whole(table, key) is not None for key in ("bytes", "content", "files"))
    )
    if not ok:
        return None
    return Pack(table["id"], table["sha256"], table["bytes"], table["content"], table["files"])


def parse_pushed(raw: bytes) -> Pushed | None:
    """What is known of a pushed tree; None where it cannot be read."""
    table = _table(raw)
    environment, revision = _line(table, "environment"), _line(table, "revision")
    if not environment or not revision:
        return None
    return Pushed(
        environment=environment,
        revision=revision,
        source=_line(table, "source"),
        pushed=seconds(table.get("pushed")),
        subject=_line(table, "subject"),
        author=_line(table, "author"),
        ref=_line(table, "ref"),
        committed=seconds(table.get("committed")),
        by=_line(table, "by"),
        bytes=_whole(table, "bytes") or 0,
        files=_whole(table, "files") or 0,
    )


def _line(table: Mapping[str, Any], key: str) -> str:
    """A text as one line, whatever breaks of lines it has."""
    return " ".join(clean(_text(table, key), 500).splitlines())


def _table(raw: bytes) -> Mapping[str, Any]:
    try:
        table = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) and table.get("format") == FORMAT else {}


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _whole(table: Mapping[str, Any], key: str) -> int | None:
    value = table.get(key)
    return value if type(value) is int and 0 <= value < _MOST else None
