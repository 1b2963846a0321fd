"""[store] of turnout.toml: where trees are kept, so that servers fetch them themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

import msgspec

from core.config import values
from core.config.readers import Check, Reads
from core.config.table import Broken, Table
from core.config.types import Text

KINDS = {"s3": "S3", "gs": "Google", "az": "Azure", "file": "a folder"}
"""What a store is, by the scheme of its URL."""

SHORTEST, LONGEST = 60.0, 7 * 86400.0
"""Seconds for which an address may be valid: S3 signs none for longer than a week."""

_NUMBER_OR_TEXT = msgspec.Meta(extra_json_schema={"type": ["number", "string"]})
_LOOPBACK = re.compile(r"localhost|::1|127(\.[0-9]{1,3}){3}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_PART = re.compile(r"[A-Za-z0-9._=+@-]+")


def store_url(value: str) -> str:
    """`s3://BUCKET/FOLDER`, `gs://…`, `az://…` or `file:///FOLDER`, without a slash at its end."""
    scheme, mark, rest = values.text(value).partition("://")
    if not mark or scheme not in KINDS:
        raise ValueError(f"{values.shown(value)} must begin with s3://, gs://, az:// or file:///")
    bucket, _, folder = rest.rstrip("/").partition("/")
    if "?" in rest or "#" in rest or "@" in bucket:
        raise ValueError("must not contain a login, `?` or `#`: `key-id` and `key` have the login")
    if scheme == "file":
        if bucket or not folder:
            raise ValueError("needs the whole path of a folder, such as file:///srv/releases")
        parts = folder.split("/")
        if any(part in ("", ".", "..") or not part.isprintable() for part in parts):
            raise ValueError(f"{values.shown(value)} must not contain `//`, `.` or `..` as a part of its path")
        return f"file:///{folder}"
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"{values.shown(bucket)} is not the name of a bucket")
    if folder and not all(_PART.fullmatch(part) and part not in (".", "..") for part in folder.split("/")):
        raise ValueError(f"{values.shown(folder)} is not a folder in a bucket: use letters, digits and . _ = + @ -")
    return f"{scheme}://{bucket}/{folder}" if folder else f"{scheme}://{bucket}"


def _expires(value: object) -> float:
    seconds = values.duration(value)
    if not SHORTEST <= seconds <= LONGEST:
        raise ValueError('must be from "1m" to "168h"')
    return seconds


def _saves(value: object) -> values.Bytes:
    if value == 0 and not isinstance(value, bool):
        return values.Bytes(0)
    return values.size(value)


class Store(Table):
    """Where trees are kept, so that servers fetch them themselves and releases can be made again."""

    hidden: ClassVar[frozenset[str]] = frozenset({"key_id", "key"})

    url: Annotated[str, Check(store_url)]
    """The bucket and a folder in it, `s3://BUCKET/FOLDER`; `gs://`, `az://`, or `file:///FOLDER` without fetching."""
    endpoint: Annotated[str, Check(values.url)] | None = None
    """The service's address, where it is not that of the provider: MinIO, SeaweedFS and others that speak S3."""
    region: Text | None = None
    """The bucket's region; us-east-1 with an endpoint."""
    key_id: Text | None = msgspec.field(default=None, name="key-id")
    """The id of the access key; else AWS_ACCESS_KEY_ID, else what the provider gives this machine."""
    key: Text | None = None
    """The access key's secret; else AWS_SECRET_ACCESS_KEY."""
    allow_http: bool = msgspec.field(default=False, name="allow-http")
    """Whether the endpoint may be http on another machine: what travels can then be read and changed on the way."""
    expires: Annotated[float, Reads(_expires), _NUMBER_OR_TEXT] = 900.0
    """Seconds for which an address that a server gets is valid."""
    saves: Annotated[values.Bytes, Reads(_saves), _NUMBER_OR_TEXT] = values.Bytes(4_000_000)
    """Bytes that a deploy must save on this machine's uplink for servers to fetch; 0: they always fetch."""

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        url = table.get("url")
        scheme = url.partition("://")[0] if isinstance(url, str) else ""
        if scheme in KINDS and scheme != "s3":
            for key in ("endpoint", "region", "key-id", "key", "allow-http"):
                if key in table:
                    yield (key,), f"is only for S3, not for {KINDS[scheme]}", ""
        for key in ("expires", "saves") if scheme == "file" else ():
            if key in table:
                yield (key,), "is for servers that fetch: from a folder of this machine they cannot", "leave it out"
        bare = str(table.get("endpoint", "")).startswith("http:")
        if table.get("allow-http") is True and scheme == "s3" and not bare:
            yield ("allow-http",), "is only for an endpoint that begins with http://", "leave it out"
        for key, other in (("key-id", "key"), ("key", "key-id")):
            if key in table and other not in table:
                yield (key,), f'needs "{other}" too', ""
        endpoint = table.get("endpoint")
        if isinstance(endpoint, str) and not table.get("allow-http") and _bare(endpoint):
            message = "is http on another machine: servers would get releases that anybody on the way can change"
            yield ("endpoint",), message, "use https, or allow-http = true"

    @property
    def scheme(self) -> str:
        """A key of KINDS."""
        return self.url.partition("://")[0]

    @property
    def can_be_fetched(self) -> bool:
        """Whether it gives addresses from which servers can fetch: a folder of this machine does not."""
        return self.scheme != "file"


def _bare(endpoint: str) -> bool:
    """Whether an address is http, and not of this machine."""
    try:
        parts = urlsplit(endpoint)
        return parts.scheme == "http" and not _LOOPBACK.fullmatch(parts.hostname or "")
    except ValueError:
        return False  # it is not a URL, which is said already
