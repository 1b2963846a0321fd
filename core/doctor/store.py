"""Whether the store can be used: from here, and by each server as in a deploy; the rehearsal's release is the pack."""

from __future__ import annotations

import gzip
import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from core.config import Project
from core.doctor.finding import OK, WARNING, Finding
from core.errors import ConfigError, ServerError, StoreError, TurnoutError
from core.jobs import Cancel
from core.manifest import Manifest
from core.planner.stored import fetcher, incapable
from core.records import ServerState
from core.remote.held import Fetch, Held
from core.store import catalog
from core.store.objects import Objects, objects_of
from core.store.packs import contents_of
from core.text import clean

_REMEDIES = (
    (r"curl: \((5|6)\)|unable to resolve|Failed to resolve", "the server's DNS has to know that name"),
    (
        r"curl: \((35|51|58|60|77|83)\)|status 5|[Cc]ertificate",
        "install or renew the CA certificates there (ca-certificates)",
    ),
    (
        r"curl: \((7|28|52|56)\)|failed: |status 4|Failed to|broke off|nothing came",
        "let the server reach it: firewall, routes, a proxy",
    ),
    (r"\b40[0-9]\b", "compare the clock of this machine with the store's, and what the key may do; see `expires`"),
)
"""What helps, by what curl, wget and wget2 say (their exit statuses)."""


def store(held: Held, project: Project, state: ServerState, manifest: Manifest, stream: bytes) -> Iterator[Finding]:
    """What came of it; nothing without [store]. A deploy does without a store, so nothing is worse than a warning.

    held     the server with the rehearsal's root
    stream   the tar stream of a release and its manifest, links last
    Raises ConnectError, and LockLost where the rehearsal was taken over.
    """
    if project.store is None:
        return
    pack = gzip.compress(stream, 1, mtime=0)
    key = catalog.trial_key(secrets.token_hex(8))
    try:
        objects = objects_of(project)
        objects.write(key, pack)
    except (StoreError, ConfigError) as error:
        yield _here(error)
        return
    removed = False
    try:
        if objects.read(key, len(pack)) != pack:
            raise StoreError("the store does not give what was put there", detail=objects.place)
        if not project.store.can_be_fetched:
            yield Finding(
                "store", OK, f"{objects.place}: written and read from here; servers get no files from a folder"
            )
        else:
            yield _there(held, state, objects, key, pack, manifest)
        objects.remove([key])
        removed = True
    except StoreError as error:
        yield _here(error)
    finally:
        if not removed:
            with suppress(StoreError):
                objects.remove([key])


def _there(held: Held, state: ServerState, objects: Objects, key: str, pack: bytes, manifest: Manifest) -> Finding:
    """What comes of it when the server fetches."""
    if why := incapable(state):
        hint = "install curl (GNU wget and wget2 do as well)" if "curl" in why else "install tar, gzip and coreutils"
        return Finding("store", WARNING, f"the server {why}, so its files are sent from here", hint)
    address = objects.address(key)
    request = Fetch(
        address=address,
        sha256=hashlib.sha256(pack).hexdigest(),
        size=len(pack),
        contents=contents_of(manifest, None),
    )
    began = time.monotonic()
    try:
        held.fetch(request, Cancel(), lambda came: None)
    except ServerError as error:
        place = urlsplit(address)
        origin = f"{place.scheme}://{place.netloc}"
        text = f"the server cannot fetch from {origin}, so its files are sent from here: {_line(error)}"
        return Finding("store", WARNING, text, remedy(error.detail, place.hostname or ""))
    took = time.monotonic() - began
    said = f"the server fetches with {fetcher(state)}; a tiny pack took {took:.1f} s"
    return Finding("store", OK, f"{objects.place}: {said}")


def remedy(said: str, host: str) -> str:
    """What to do about a server that cannot fetch from `host`; "" where that is not known."""
    if re.fullmatch(r"localhost|127\.[0-9.]+|::1", host):
        return "`endpoint` means each server itself: name an address of the store that servers reach too"
    return next((hint for pattern, hint in _REMEDIES if re.search(pattern, said)), "")


def _here(error: TurnoutError) -> Finding:
    """The store does not do what this machine asks."""
    return Finding("store", WARNING, f"{clean(error.said, 500)}; a deploy sends all files from here", error.hint)


def _line(error: TurnoutError) -> str:
    return clean("; ".join(error.detail.splitlines()[:3]), 300) or error.title
