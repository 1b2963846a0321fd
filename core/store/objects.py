"""The objects of a project's store, through obstore: S3, Google, Azure, or a folder of this machine."""

from __future__ import annotations

import builtins
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote

from core.config import Project
from core.config.store import Store
from core.errors import StoreError, UsageError
from core.jobs import Ahead, Cancel, several
from core.pending import whole
from core.store import sending
from core.store.catalog import Object
from core.store.said import failed, is_of_an_object, silent
from core.store.sending import Sending

T = TypeVar("T")

PIECE = 8 << 20
"""Bytes that are read or sent at a time."""
_LOOK = 0.05
"""Seconds between two looks at a cancel request while the store is waited for."""
_AT_ONCE = 3
"""Pieces that are sent at the same time: all of them share the uplink, and each has to arrive within the timeout."""
_CLIENT: dict[str, Any] = {"connect_timeout": "5s", "timeout": "300s"}
_RETRY: dict[str, Any] = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}
SEVERAL = 16
"""Requests that are under way at the same time where many small ones are made: each takes a round trip."""
_LEFT = re.compile(r"#[0-9]+$")
"""How the name of a file ends that obstore has not finished in a folder; no key of ours does."""
_SAFE_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%-]+")


class Objects:
    """One project's objects. Methods raise StoreError, which says what the store said; Cancelled where it is asked for.

    place   the store's URL, for people
    """

    def __init__(self, project: Project) -> None:
        assert project.store is not None
        self.config: Store = project.store
        self.place = project.store.url
        self._folder = project.project
        self._mask = project.mask
        self._store: Any = _open(project, project.store, read_timeout=timedelta(seconds=sending.SILENT))
        # That time would count for what is sent, too, of which nothing is heard before all of it is there.
        self._written: Any = _open(project, project.store)
        self._addresses: dict[str, tuple[str, float]] = {}
        self._signing = threading.Lock()

    def read(self, key: str, most: int, cancel: Cancel | None = None) -> bytes | None:
        """An object's bytes; None where there is none, or where it has more than `most`."""
        import obstore

        def get() -> bytes | None:
            found = obstore.get(self._store, self._path(key))
            return None if found.meta["size"] > most else bytes(found.bytes())

        return self._within(get, cancel)

    def read_all(self, keys: Iterable[str], most: int, cancel: Cancel) -> builtins.list[bytes | None]:
        """`read` of many objects, in their order, SEVERAL at a time."""
        return several(lambda key: self.read(key, most, cancel), keys, SEVERAL)

    def pieces(self, key: str, size: int, cancel: Cancel) -> Iterator[bytes]:
        """An object of `size` bytes, a piece after the other."""
        import obstore

        for start in range(0, size, PIECE):
            end = min(start + PIECE, size)
            get = partial(obstore.get_range, self._store, self._path(key), start=start, end=end)
            piece = self._within(get, cancel)
            if piece is None:
                raise StoreError("a pack is missing in the store", detail=f"{self.place}: {key}")
            yield bytes(piece)

    def size(self, key: str, cancel: Cancel | None = None) -> int | None:
        """An object's bytes; None where there is none."""
        import obstore

        return self._within(lambda: int(obstore.head(self._store, self._path(key))["size"]), cancel)

    def write(self, key: str, content: bytes | Iterable[bytes], cancel: Cancel | None = None) -> None:
        """Write an object; its bytes, or pieces of it. What `content` raises comes out, and nothing is written then."""
        import obstore

        raised: list[BaseException] = []

        def pieces(given: Iterable[bytes]) -> Iterator[bytes]:
            try:
                watched.asked()
                for piece in given:
                    if cancel:
                        cancel.check()
                    watched.give(len(piece))
                    yield piece
                    watched.asked()
                watched.give(0)
            except BaseException as error:
                raised.append(error)
                raise

        under_way = len(content) if isinstance(content, bytes) else (_AT_ONCE + 1) * PIECE
        watched = Sending(under_way)

        def put() -> None:
            try:
                if isinstance(content, bytes):
                    obstore.put(self._written, self._path(key), content)
                else:
                    options: dict[str, Any] = {"use_multipart": True, "chunk_size": PIECE, "max_concurrency": _AT_ONCE}
                    obstore.put(self._written, self._path(key), pieces(content), **options)
            except FileNotFoundError as error:
                raise self._failed(error) from None

        try:
            self._within(put, cancel, watched)
        except StoreError:
            if raised:
                raise raised[0] from None
            raise

    def list(self, prefix: str = "", cancel: Cancel | None = None) -> list[Object]:
        """All objects whose keys are below a folder, in their order."""
        import obstore

        start = f"{self._folder}/"

        def listed() -> list[Object]:
            found = []
            for batch in obstore.list(self._store, prefix=self._path(prefix) if prefix else self._folder):
                for each in batch:
                    written = each["last_modified"].timestamp()
                    found.append(Object(each["path"].removeprefix(start), int(each["size"]), written))
            return sorted(found, key=lambda item: item.key)

        return self._within(listed, cancel) or []

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is gone already is no fault."""
        import obstore

        def remove(key: str) -> None:
            if self._is_left(key):
                with suppress(OSError):
                    os.unlink(self._file(key))
            else:
                self._within(partial(obstore.delete, self._store, self._path(key)), None)

        several(remove, keys, SEVERAL)

    def left_behind(self) -> builtins.list[Object]:
        """What pushes that were killed left in a folder of this machine: `list` does not have it. Buckets hide it."""
        if self.config.scheme != "file":
            return []
        found = []
        top = self._file("")
        for folder, _, names in os.walk(top):
            for name in filter(_LEFT.search, names):
                path = os.path.join(folder, name)
                with suppress(OSError):
                    facts = os.lstat(path)
                    found.append(Object(os.path.relpath(path, top), facts.st_size, facts.st_mtime))
        return found

    def _is_left(self, key: str) -> bool:
        return self.config.scheme == "file" and bool(_LEFT.search(key))

    def _file(self, key: str) -> str:
        return os.path.join(self.config.url.removeprefix("file://"), self._path(key))

    def address(self, key: str, *, fresh: bool = False) -> str:
        """An address from which anybody who has it can fetch an object for a while: a secret, which is masked from now
        on. The same one for all who ask in the first half of its life; `fresh`: it was refused.
        """
        import obstore

        with self._signing:
            known, until = self._addresses.get(key, ("", 0.0))
            if known and not fresh and time.monotonic() < until:
                return known
            lasts = self.config.expires
            made = self._within(
                lambda: str(obstore.sign(self._store, "GET", self._path(key), timedelta(seconds=lasts))), None
            )
            if made is None or not _SAFE_ADDRESS.fullmatch(made):
                raise StoreError("the store gives addresses that cannot be handed on", detail=f"of {self.place}")
            query = made.partition("?")[2]
            secrets = [part.partition("=")[2] for part in query.split("&") if _secret(part)]
            self._mask.learn([made, query, *secrets, *map(unquote, [made, query, *secrets])])
            self._addresses[key] = made, time.monotonic() + lasts / 2
            return made

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key}"

    def _within(self, work: Callable[[], T], cancel: Cancel | None, sent: Sending | None = None) -> T | None:
        """What `work` gives; None where there is no such object. On a thread of its own where a cancel may come
        meanwhile, or the store may fall silent: nothing waits for one that does not answer."""

        def safe() -> T | None:
            try:
                return work()
            except StoreError:
                raise
            except Exception as error:  # obstore raises its own, and Python's in place of some
                if isinstance(error, FileNotFoundError) and is_of_an_object(str(error)):
                    return None
                raise self._failed(error) from None

        if cancel is None and sent is None:
            return safe()
        cancel = cancel or Cancel()
        cancel.check()
        ahead = Ahead(safe)
        while not ahead.wait(_LOOK):
            cancel.check()
            if sent and sent.late:
                sent.end()
                raise silent(self.place)
        return ahead.get()

    def _failed(self, error: BaseException) -> StoreError:
        return failed(self.place, self._mask(str(error)), type(error).__name__)


_opened: list[tuple[object, Objects]] = []
"""The store that was opened last, after its project's keeper."""
_opening = threading.Lock()


def objects_of(project: Project) -> Objects:
    """The project's store, opened once for a project. StoreError, ConfigError where it cannot be."""
    with _opening:
        for keeper, objects in _opened:
            if keeper is project.keeper and objects.config == project.store:
                return objects
        _opened[:] = [(project.keeper, Objects(project))]
        return _opened[0][1]


def store_of(project: Project) -> Objects:
    """The project's store. UsageError where turnout.toml has none."""
    if project.store is None:
        raise UsageError("turnout.toml has no [store]", hint="docs/store.md shows how to set one up")
    return objects_of(project)


def _secret(part: str) -> bool:
    """Whether a part of an address's query is a secret by itself."""
    return part.partition("=")[0].lower() in (
        "x-amz-signature",
        "x-amz-security-token",
        "x-goog-signature",
        "sig",
    )


def _open(project: Project, config: Store, **more: Any) -> Any:
    """`more` options of the client."""
    try:
        from obstore.store import LocalStore, S3Store, from_url
    except ImportError:
        raise StoreError(
            "[store] of turnout.toml needs obstore, which is not installed", hint="pip install 'turnout[store]'"
        ) from None
    # Both are completed here only: ConfigError says which name has no value.
    key_id, key = (whole(text) if text else "" for text in (config.key_id, config.key))
    known = project.keeper.known
    try:
        if config.scheme == "file":
            return LocalStore(config.url.removeprefix("file://"), mkdir=True)
        if config.scheme != "s3":
            opened: Any = from_url
            return opened(config.url, client_options={**_CLIENT, **more}, retry_config=_RETRY)
        bucket, _, folder = config.url.removeprefix("s3://").partition("/")
        options: dict[str, Any] = {}
        if region := config.region or ("us-east-1" if config.endpoint else ""):
            options["region"] = region
        if config.endpoint:
            options["endpoint"] = config.endpoint.rstrip("/")
        if key_id and key:
            options |= {"access_key_id": key_id, "secret_access_key": key}
        elif (known_id := known("AWS_ACCESS_KEY_ID")) and (known_key := known("AWS_SECRET_ACCESS_KEY")):
            options |= {"access_key_id": known_id, "secret_access_key": known_key}
            if session := known("AWS_SESSION_TOKEN"):
                options["session_token"] = session
        project.mask.learn([key] if key else [])
        http = bool(config.endpoint and config.endpoint.startswith("http://"))
        s3: Any = S3Store
        return s3(
            bucket,
            prefix=folder or None,
            **options,
            client_options={**_CLIENT, **more, "allow_http": http},
            retry_config=_RETRY,
        )
    except Exception as error:  # obstore raises its own, and Python's in place of some
        raise failed(config.url, project.mask(str(error)), type(error).__name__) from None
