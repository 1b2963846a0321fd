"""A release's record and its pin, as written in files (pure; TOML by tomllib and tomli-w)."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from typing import Any, TypeVar

import tomli_w
from msgspec import Struct
from msgspec.structs import asdict, replace

from core.text import clean

TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""The allow list for tags: they become folder names, record names and words of commands."""

TAG_RULE = "a tag has 1 to 100 letters, digits, '.', '_' and '-'; it begins with a letter or a digit, and has no '..'"
"""What `is_tag` requires, in words."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"(content:)?[0-9a-f]{4,64}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
REVISION_RULE = (
    "a revision has 1 to 64 letters, digits, '.', '_' and '-', begins with a letter or a digit, and has no '..'"
)
"""What `is_revision` requires, in words."""
WORD = re.compile(r"[a-z][a-z-]{0,29}")
"""What kinds, phases and outcomes look like."""


LARGEST_SEQ = 10**9
"""More releases than can exist: with one a second for thirty years the number is not reached."""

LARGEST_PORT = 65535

LAST_SECOND = 253_402_300_799
"""The end of the year 9999: the last time that can be written as a date."""


def is_tag(text: str) -> bool:
    """Whether a text may be a release's tag."""
    return TAG.fullmatch(text) is not None and ".." not in text


def is_digest(text: str) -> bool:
    """Whether a text is a SHA-256 in hex."""
    return _DIGEST.fullmatch(text) is not None


def is_revision(text: str) -> bool:
    """Whether a text may name what a directory or an archive was built from."""
    return _REVISION.fullmatch(text) is not None and ".." not in text


def short_revision(revision: str) -> str:
    """A commit, or the name of a content, as a person says it: `3f2c1ab`; another name as it is."""
    return revision.rpartition(":")[2][:7] if _COMMIT.fullmatch(revision) else revision[:30]


def make_tag(when: datetime, revision: str) -> str:
    """A tag that sorts by time and names its revision or content: `20261121T193000Z-3f2c1ab`, `…-v2.4.1`."""
    return f"{when.astimezone(UTC):%Y%m%dT%H%M%SZ}-{short_revision(revision)}"


class Record(Struct, frozen=True, kw_only=True):
    """What is known of a release; `.turnout/records/<tag>.toml`. It outlives the files.

    seq       its place in the order of all releases of the environment, from 1; the same on every server
    created   seconds since the epoch, UTC
    source    git, directory or archive
    revision  the commit, or "content:" and the start of the digest; or what a directory or archive was built from
    digest    SHA-256 of the manifest
    subject   the commit's first line, or what the person wrote
    author    who wrote the revision; by: who deployed it, from which machine (`ana@laptop`)
    ref       the branch, tag or commit that was asked for
    bytes, files   of the tree
    failed    why its checks or hooks failed after the switch; "" where they did not
    left      a rollback left this release
    reason    why it was deployed, in the words of the person who did
    approved  who said go, where the deploy was held; "" where it was not
    left_out  servers, with a space between two, that were left out of the operation that made it live here
    pinned    never pruned; what `turnout pin` writes is a file of its own, `Pin`
    promoted_from, promoted_tag   the environment that it was promoted from, and the release there; "" for neither
    adopted   the tool that made the release, or "another tool": what is known of it is what that tool wrote down, and
              nothing tells what its files were; "" for one of Turnout's
    built_for, built, built_by    of a promoted release: the environment it was first deployed to, when, and by whom
    slot      which of the environment's slots it has on this server; "" for none
    port      of that slot, when it got it; 0 where an older version wrote the record
    """

    tag: str
    seq: int
    created: float
    source: str = ""
    revision: str = ""
    digest: str = ""
    subject: str = ""
    author: str = ""
    by: str = ""
    ref: str = ""
    bytes: int = 0
    files: int = 0
    failed: str = ""
    left: bool = False
    pinned: bool = False
    reason: str = ""
    approved: str = ""
    left_out: str = ""
    promoted_from: str = ""
    promoted_tag: str = ""
    built_for: str = ""
    built: float = 0.0
    built_by: str = ""
    adopted: str = ""
    slot: str = ""
    port: int = 0

    def to_toml(self) -> str:
        """The text of the record's file; times are TOML date-times in UTC."""
        values = asdict(self)
        if not self.left_out:
            del values["left_out"]
        if not self.promoted_from:
            values = {key: value for key, value in values.items() if key not in _PROMOTED}
        values = {key: value for key, value in values.items() if value or key not in _RARE}
        for name in _TIMES & values.keys():
            values[name] = datetime.fromtimestamp(values[name], UTC).replace(microsecond=0)
        return tomli_w.dumps(values)


_TIMES = frozenset({"created", "built"})
_RARE = frozenset({"adopted", "approved", "port", "slot"})
"""What a record has only where there is something to say."""
_PROMOTED = frozenset({"promoted_from", "promoted_tag", "built_for", "built", "built_by"})
"""What only the record of a promoted release has."""


def parse_record(text: str) -> Record:
    """The record in a file's text. ValueError where it is not one; unknown keys are ignored."""
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"not TOML: {error}") from error
    return record_of(values)


def record_of(values: dict[str, Any]) -> Record:
    """The record with these values, which come from a server: escape sequences in them are made harmless.

    ValueError for values that cannot be trusted: git gets the revision and the ref, and decisions depend on numbers.
    """
    for name in _TIMES:
        if isinstance(when := values.get(name), datetime):
            values[name] = when.replace(tzinfo=when.tzinfo or UTC).timestamp()
    known: dict[str, object] = {}
    for name, written in Record.__annotations__.items():
        if name not in values:
            continue
        kinds: dict[str, Any] = {"str": str, "int": int, "bool": bool, "float": (int, float)}
        value = values[name]
        if not isinstance(value, kinds[written]) or (written != "bool" and isinstance(value, bool)):
            raise ValueError(f"{name} is not {written}")
        if written == "int" and not 0 <= value < 1 << 63:
            raise ValueError(f"{name} is not a valid number")
        known[name] = one_line(value) if isinstance(value, str) else value
    for name in ("tag", "seq", "created"):
        if name not in known:
            raise ValueError(f"{name} is missing")
    record = Record(**known)  # type: ignore[arg-type]  # each value's type was checked above
    if not is_tag(record.tag):
        raise ValueError("its tag is not valid")
    for name in ("created", "built"):
        if not 0 <= getattr(record, name) <= LAST_SECOND:
            raise ValueError(f"{name} is not a time")
    if record.port > LARGEST_PORT:
        raise ValueError("port is not a port")
    if record.seq > LARGEST_SEQ:
        raise ValueError("seq is not the number of a release")
    named = record.source not in ("", "git") and is_revision(record.revision)
    if record.revision and not named and not _COMMIT.fullmatch(record.revision):
        raise ValueError("revision is neither a commit nor a digest")
    if record.digest and not is_digest(record.digest):
        raise ValueError("digest is not a SHA-256")
    if record.source and not WORD.fullmatch(record.source):
        raise ValueError("source is not a known kind of source")
    if record.ref.startswith("-"):
        raise ValueError("ref is an option, not a revision")
    return record


def one_line(text: str) -> str:
    """A text of a record: harmless, and one line wherever it is shown."""
    return clean(text).replace("\n", " ")


LONGEST_REASON = 300
"""Characters of a reason that a person gave."""


class Notice(Struct, frozen=True, kw_only=True):
    """What somebody left on a server for all others: a pin, a block, a freeze.

    by    `ana@laptop`; why: "" where nobody said
    at    seconds since the epoch by that operator's clock, 0.0 where unknown
    """

    by: str = ""
    why: str = ""
    at: float = 0.0

    def to_line(self) -> str:
        """The text of its file."""
        return json.dumps({"by": self.by, "why": self.why, "at": round(self.at)}, ensure_ascii=True)

    def describe(self) -> str:
        """`by ana@laptop since 2026-11-26 02:10 UTC: why`, as far as it is known."""
        since = f" since {datetime.fromtimestamp(self.at, UTC):%Y-%m-%d %H:%M} UTC" if self.at else ""
        said = f"by {self.by or 'somebody'}{since}"
        return f"{said}: {self.why}" if self.why else said


class Pin(Notice, frozen=True, kw_only=True):
    """Why a release is never pruned: `.turnout/records/<tag>.pinned`."""


class Block(Notice, frozen=True, kw_only=True):
    """Why undo never goes back to a release: `.turnout/records/<tag>.blocked`."""


class Freeze(Notice, frozen=True, kw_only=True):
    """Why operations that change releases are refused: `.turnout/freeze`."""


N = TypeVar("N", bound=Notice)


def parse_notice(text: str, kind: type[N]) -> N:
    """The notice in a file's line. One that cannot be read counts all the same: what it forbids stays forbidden."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return kind()
    known = values if isinstance(values, dict) else {}
    texts = {key: one_line(known[key])[:LONGEST_REASON] for key in ("by", "why") if isinstance(known.get(key), str)}
    at = known.get("at")
    usable = isinstance(at, int | float) and not isinstance(at, bool) and 0 <= at <= LAST_SECOND
    return kind(**texts, at=float(at) if usable else 0.0)  # type: ignore[arg-type]  # a number, as `usable` says


def mark(record: Record, *, failed: str | None = None, left: bool | None = None) -> Record:
    """The record with another fate."""
    changed = record if failed is None else replace(record, failed=failed)
    return changed if left is None else replace(changed, left=left)
