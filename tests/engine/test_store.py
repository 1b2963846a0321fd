"""The store: servers fetch from a real SeaweedFS, or get their files directly; nobody is told what is not true."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import shutil
import socket
import threading
import time
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from core import DeployRequest, RollbackRequest
from core.doctor import OK, WARNING, examine
from core.errors import Cancelled, SourceError, StoreError, StoreSilent
from core.events import Note, unheard
from core.jobs import Cancel
from core.operations import patching, storing
from core.remote import launch
from core.settings import Settings
from core.store import catalog, objects, sending
from tests.engine.commands import turnout, turnout_json
from tests.engine.driving import at_rest, live, record, snapshot
from tests.projects import Link, Script
from tests.seaweed import client, shared_seaweed
from tests.servers import need
from tests.strategies import AWKWARD_NAMES
from tests.waiting import PATIENCE

FILES = {
    b"index.html": "one\n",
    b"run": Script("#!/bin/sh\necho hello\n"),
    b"empty": "",
    b"folder/file with blank": "x" * 3000,
    b"big": os.urandom((2 << 20) + 1),
    b"link": Link("index.html"),
    b"folder/up": Link("../big"),
    b"nowhere": Link(b"no such\n file \xff"),
    **{b"d/" + name: name for name in AWKWARD_NAMES},
}
SMALL = {"index.html": "one\n", "app.js": "x" * 5000}


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory):
    """The SeaweedFS of this run; servers fetch from it with curl or wget."""
    need("curl")
    need("wget")
    base = tmp_path_factory.getbasetemp()
    with shared_seaweed(base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) as running:
        yield running


class Bucket:
    """What is in the store below a test's own folder, past Turnout."""

    def __init__(self, seaweed, folder):
        import obstore

        self.client = obstore
        self.store = client(seaweed.endpoint, seaweed.key_id, seaweed.key, prefix=folder)

    @property
    def keys(self):
        return sorted(each["path"] for batch in self.client.list(self.store) for each in batch)

    @property
    def keys_of_project(self):
        return [key.removeprefix("shop/") for key in self.keys]

    def pack(self, number=0):
        """The key of a pack, and its bytes."""
        key = [key for key in self.keys if key.endswith(".tar.gz")][number]
        return key, bytes(self.client.get(self.store, key).bytes())

    def put(self, key, content):
        self.client.put(self.store, key, content)

    def remove(self, key):
        self.client.delete(self.store, key)


@pytest.fixture
def folder(request):
    """A folder of the test's own in the bucket."""
    return request.node.name.replace("[", "-").replace("]", "")


@pytest.fixture
def bucket(seaweed, folder):
    return Bucket(seaweed, folder)


def notes(operator):
    return [event.text for event in operator.said(Note)]


def warnings(operator):
    return [event.text for event in operator.said(Note, level="warning")]


def forget_everything_here(project):
    """Be a machine that has neither the source nor anything in its cache."""
    shutil.rmtree(project.tree)
    shutil.rmtree(Settings().cache, ignore_errors=True)


def test_servers_fetch_what_was_put_there_once(seaweed, folder, bucket, fleet, project_factory, engine):
    project = project_factory(fleet, FILES, extra=seaweed.table(folder))
    operator = engine(project)
    plan = operator.plan(DeployRequest(tag="r1"))
    assert "3 servers fetch from it, 2.1 MB put there first" in plan.store
    assert all("from the store" in step.price() for step in plan.steps)
    operator.deploy(tag="r1")
    project.commit({b"index.html": "two\n", b"big": None, b"link": Link("run"), b"folder/up": "now a file"})
    result = operator.deploy(tag="r2")
    assert not warnings(operator) and "sent" not in result.summary
    packs = [key for key in bucket.keys if key.endswith(".tar.gz")]
    assert len(packs) == 2 and sum("/from/" in key for key in packs) == 1
    at_rest(fleet)
    shutil.rmtree(project.tree / ".git")
    for place in fleet:
        assert live(place) == "r2"
        assert snapshot(place.files / "releases/r2") == snapshot(project.tree)


@pytest.mark.parametrize(("change", "way"), [("part", "sent"), ("mode", "sent"), ("all", "fetched")])
def test_a_change_inside_a_large_file_is_not_put_there_as_a_whole(
    change, way, seaweed, folder, bucket, servers, project_factory, engine, monkeypatch
):
    """Patches that are sent from here are fewer bytes; where there is nothing to patch, the servers fetch."""
    need("zstd")
    monkeypatch.setattr(patching, "NEAR", 0.0)
    places, old = servers(2), os.urandom(3 << 20)
    project = project_factory(places, {"big": old, "a": "1\n"}, extra=seaweed.table(folder, saves="1 MB"))
    engine(project).deploy(tag="r1")
    if change == "mode":
        (project.tree / "big").chmod(0o755)
    new = {"part": old[:99] + b"new" + old[102:], "mode": old, "all": os.urandom(3 << 20)}[change]
    (project.tree / "big").write_bytes(new)
    project.commit({"a": "2\n"})
    operator = engine(project)
    assert "at most 3.1 MB put there first" in operator.plan(DeployRequest(tag="r2")).store
    summary = operator.deploy(tag="r2").summary
    assert way in summary and not {"sent", "fetched"} - {way} & set(summary.split()), summary
    assert sum("/from/" in key for key in bucket.keys if key.endswith(".tar.gz")) == (way == "fetched")
    at_rest(places)
    shutil.rmtree(project.tree / ".git")
    assert [snapshot(place.files / "releases/r2") for place in places] == [snapshot(project.tree)] * 2


def cut(key, raw, bucket):
    bucket.put(key, raw[: len(raw) // 2])


def one_byte(key, raw, bucket):
    at = len(raw) // 2
    bucket.put(key, raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])


def missing(key, raw, bucket):
    bucket.remove(key)


def endless(key, raw, bucket):
    bucket.put(key, raw + os.urandom(1 << 20))


@pytest.mark.parametrize("fault", [cut, one_byte, missing, endless])
def test_a_pack_that_is_not_right_is_told_and_the_server_gets_its_files_from_here(
    fault, seaweed, folder, bucket, servers, project_factory, engine
):
    first, second = servers(2)
    files = {**SMALL, "noise": os.urandom(20_000)}
    project = project_factory([first], files, extra=seaweed.table(folder))
    engine(project).deploy(tag="r1")
    fault(*bucket.pack(), bucket)
    project = project_factory([second], files, extra=seaweed.table(folder))
    operator = engine(project)
    operator.deploy(tag="r1")
    (warning,) = warnings(operator)
    assert "files are sent from here" in warning, warning
    assert live(second) == "r1"
    assert snapshot(second.files / "releases/r1") == snapshot(first.files / "releases/r1")
    at_rest([second])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"endpoint": "http://127.0.0.1:1"}, "http://127.0.0.1:1 cannot be reached: Connection refused; the files"),
        ({"key": "wrong-secret-key"}, "answered 403 Forbidden: SignatureDoesNotMatch, The request signature"),
        ({"key-id": "AKIANOBODY"}, "answered 403 Forbidden: InvalidAccessKeyId, The access key"),
        ({"url": "s3://no-such-bucket/x"}, "answered 404 Not Found: NoSuchBucket, The specified bucket does not exist"),
    ],
    ids=["refused", "key", "key-id", "bucket"],
)
def test_a_store_that_cannot_be_used_is_told_in_the_plan_and_all_is_sent(
    options, said, seaweed, folder, sshd, project_factory, engine
):
    operator = engine(project_factory([sshd], SMALL, extra=seaweed.table(folder, **options)))
    plan = operator.plan(DeployRequest(tag="r1"))
    (warning,) = [text for text in plan.warnings if "store" in text]
    assert said in warning and "files are sent from here" in warning
    assert "wrong-secret-key" not in warning and not plan.store
    operator.deploy(tag="r1")
    assert live(sshd) == "r1"


def test_a_release_whose_source_is_gone_comes_from_the_store_also_to_a_new_server(
    seaweed, folder, servers, project_factory, engine
):
    first, second = servers(2)
    project = project_factory([first], FILES, extra=seaweed.table(folder))
    operator = engine(project)
    operator.deploy(tag="r1")
    tree = snapshot(first.files / "releases/r1")
    project.commit({b"index.html": "two\n"})
    operator.deploy(tag="r2")
    shutil.rmtree(first.files / "releases/r1")
    shutil.rmtree(first.files / "deploy-cache")
    (first.files / "deploy-cache").mkdir()
    forget_everything_here(project)
    elsewhere = project_factory([first, second], {"other.txt": "x"}, extra=seaweed.table(folder))
    operator = engine(elsewhere)
    operator.rollback("r1")
    assert not warnings(operator), warnings(operator)
    for place in (first, second):
        assert live(place) == "r1" and snapshot(place.files / "releases/r1") == tree
    assert not (Settings().cache / "exports/received").exists(), "no file came to this machine"
    assert record(second, "r1").digest == record(first, "r1").digest
    at_rest([first, second])


def test_undo_on_unlike_servers_fetches_what_is_gone_of_each_release(
    seaweed, folder, bucket, fleet, project_factory, engine
):
    project = project_factory(fleet, {"index.html": "1"}, extra=seaweed.table(folder))
    operator = engine(project)
    for tag in ("r1", "r2"):
        project.commit({"index.html": tag, "noise": os.urandom(1 << 20)})
        operator.deploy(tag=tag)
        for place in fleet:
            shutil.rmtree(place.files / "deploy-cache")  # so the store gets each tree as a whole
    engine(project, servers=[operator.fleet.server("web3")]).rollback("r1")
    project.commit({"index.html": "r3", "noise": None})
    operator.deploy(tag="r3")
    gone = [place.files / "releases" / tag for place, tag in zip(fleet, ("r2", "r2", "r1"), strict=True)]
    trees = [snapshot(path) for path in gone]
    for path in (*gone, *(place.files / "deploy-cache" for place in fleet)):
        shutil.rmtree(path)
    forget_everything_here(project)
    keys = bucket.keys
    elsewhere = project_factory(fleet, {"other.txt": "x"}, extra=seaweed.table(folder))
    operator = engine(elsewhere)
    plan = operator.plan(RollbackRequest())
    assert plan.store.endswith("3 servers fetch from it, nothing has to be put there") and not plan.warnings, plan
    ended = operator.run(RollbackRequest(), plan)
    assert ended.summary == "r2 is live on web1, web2; r1 is live on web3: fetched 3.1 MB in 6 files from the store"
    assert [snapshot(path) for path in gone] == trees and not warnings(operator)
    assert {key for key in bucket.keys if key.endswith(".tar.gz")} <= set(keys)
    at_rest(fleet)


SLOW_PIECE = 100_000
"""Bytes of a slow answer in a tenth of a second."""


class Between(http.server.BaseHTTPRequestHandler):
    """Between servers and the store: requests of curl and wget are counted, and fail as the test says."""

    store = ""
    fate = staticmethod(lambda number: "")
    """What becomes of the request of this number, from 1: "" for nothing, half, 403, late, slow, stall, nothing."""
    ours = staticmethod(lambda method, path: "")
    """The same for a request of the operator's: stall (in the middle), mute."""
    done = threading.Event()
    """Ends what stalls."""
    asked: list[str] = []
    meanwhile = staticmethod(lambda: None)
    """Called while a slow answer is under way."""

    def do_GET(self):
        agent = self.headers["User-Agent"] or ""
        fate = ""
        if agent.lower().startswith(("curl", "wget")):
            self.asked.append(f"{agent.partition('/')[0]} {self.headers['Range'] or ''}".strip())
            fate = type(self).fate(len(self.asked))
        else:
            fate = type(self).ours(self.command, self.path)
        self.pass_on(fate)

    def do_HEAD(self):
        self.pass_on(type(self).ours(self.command, self.path))

    do_PUT = do_POST = do_DELETE = do_HEAD

    def pass_on(self, fate):
        if fate == "late":
            time.sleep(2.1)  # SeaweedFS counts whole seconds
        if fate == "mute" or (fate == "stall" and self.command != "GET"):
            self.rfile.read(min(int(self.headers["Content-Length"] or 0), 1000))
            self.done.wait()
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        with closing(http.client.HTTPConnection(self.store)) as link:
            link.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                link.putheader(name, value)
            link.endheaders(body)
            answer = link.getresponse()
            raw = answer.read()
        self.send_response(403 if fate == "403" else answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", answer.headers["Content-Length"] or str(len(raw)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):  # a fetch that was cancelled
            while fate == "slow" and len(raw) > SLOW_PIECE:
                self.wfile.write(raw[:SLOW_PIECE])
                raw = raw[SLOW_PIECE:]
                time.sleep(0.1)
                type(self).meanwhile()
            if fate in ("stall", "nothing"):
                self.wfile.write(raw[: len(raw) // 2 * (fate == "stall")])
                self.done.wait()
                return
            self.wfile.write(raw[: len(raw) // 2] if fate == "half" else b"" if fate == "403" else raw)

    def log_message(self, *_):
        """Nobody reads it."""


@pytest.fixture
def between(seaweed):
    """A way to the store that a test may disturb."""

    class Way(Between):
        store = seaweed.endpoint.removeprefix("http://")
        asked = []
        done = threading.Event()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Way)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    Way.endpoint = f"http://127.0.0.1:{server.server_port}"
    yield Way
    Way.done.set()
    server.shutdown()
    server.server_close()


def test_what_broke_off_in_the_middle_goes_on_from_there_with_a_fresh_address(
    between, seaweed, folder, sshd, project_factory, engine
):
    between.fate = staticmethod(lambda number: ("half", "403", "")[number - 1])
    operator = engine(project_factory([sshd], FILES, extra=seaweed.table(folder, endpoint=between.endpoint)))
    operator.deploy(tag="r1")
    assert live(sshd) == "r1" and not warnings(operator)
    first, second, third = between.asked
    assert first == "curl" and second == third and "bytes=" in third, between.asked
    assert sum("trying again" in text for text in notes(operator)) == 2
    at_rest([sshd])


def test_an_address_that_runs_out_in_the_middle_is_refused_by_the_store_and_replaced(
    between, seaweed, folder, sshd, project_factory, engine, monkeypatch
):
    import obstore

    real, lasts = obstore.sign, [900, 1, 900]

    def sign(store, method, path, expires):
        return real(store, method, path, timedelta(seconds=lasts.pop(0)))

    monkeypatch.setattr(obstore, "sign", sign)
    between.fate = staticmethod(lambda number: ("half", "late", "")[number - 1])
    operator = engine(project_factory([sshd], FILES, extra=seaweed.table(folder, endpoint=between.endpoint)))
    operator.deploy(tag="r1")
    assert live(sshd) == "r1" and not warnings(operator)
    assert lasts == [] and between.asked[1] == between.asked[2] and "bytes=" in between.asked[2], between.asked
    assert "403" in [text for text in notes(operator) if "trying again" in text][1]
    at_rest([sshd])


def test_a_server_that_cannot_reach_the_store_is_sent_its_files(
    between, seaweed, folder, fleet, project_factory, engine
):
    """Some fetch, one is refused as often as it asks: all or none, and the address is in no word of anybody."""
    between.fate = staticmethod(lambda number: "403" if number in (1, 4, 5, 6, 7) else "")
    project = project_factory(fleet, FILES, extra=seaweed.table(folder, endpoint=between.endpoint))
    operator = engine(project)
    seen = []
    real = objects.Objects.address
    operator.on_event = lambda event: seen.append(json.dumps(event.to_json()))

    def address(self, key, *, fresh=False):
        made = real(self, key, fresh=fresh)
        addresses.append(made)
        return made

    addresses = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects.Objects, "address", address)
        operator.deploy(tag="r1")
    assert [live(place) for place in fleet] == ["r1"] * 3
    at_rest(fleet)
    secrets = {part for made in addresses for part in (made, made.partition("X-Amz-Signature=")[2])}
    texts = [*seen]
    for place in fleet:
        texts += [
            path.read_text("utf-8", "replace") for path in (place.files / ".turnout").rglob("*") if path.is_file()
        ]
    assert len(secrets) >= 2 and not [secret for secret in secrets for text in texts if secret in text]


FETCHERS = {
    "curl": {"curl": "curl", "wget": "wget"},
    "wget": {"wget": "wget"},
    "wget2": {"wget2": "wget2"},
    "wget2-as-wget": {"wget": "wget2"},
}
"""What a server fetches with: the program of each name that it has."""


@pytest.fixture
def place_with(running, tmp_path, announce, monkeypatch):
    """Gives a server on which these fetchers are found, and no others."""

    def make(fetchers):
        found = {name: need(program) for name, program in fetchers.items()}
        monkeypatch.setattr(launch, "SYSTEM_PATH", str(_programs_with(tmp_path, found)))
        monkeypatch.setattr(
            launch, "_OURS", launch._OURS.replace("/usr/bin:/bin:/usr/sbin:/sbin:$PATH", launch.SYSTEM_PATH)
        )
        return announce(running.get().place(tmp_path / "servers", "web"))

    return make


@pytest.mark.parametrize("fetcher", FETCHERS)
def test_a_slow_store_is_waited_for_and_neither_a_process_nor_a_file_has_its_address(
    place_with, fetcher, between, seaweed, folder, project_factory, engine
):
    place, lines, open_files = place_with(FETCHERS[fetcher]), [], []

    def look():
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                lines.append((process / "cmdline").read_bytes())
        for path in (place.files / ".turnout").rglob("*"):
            with suppress(OSError):
                if path.is_file() and path.stat().st_mode & 0o077 and b"X-Amz" in path.read_bytes():
                    open_files.append(path)

    between.fate, between.meanwhile = staticmethod(lambda number: "slow"), staticmethod(look)
    operator = engine(project_factory([place], FILES, extra=seaweed.table(folder, endpoint=between.endpoint)))
    operator.deploy(tag="r1")
    assert live(place) == "r1" and not warnings(operator) and len(between.asked) == 1
    program = next(iter(FETCHERS[fetcher])).encode()
    assert program in {line.partition(b"\0")[0].rpartition(b"/")[2] for line in lines}
    assert not [line for line in lines if b"X-Amz" in line] and not open_files
    at_rest([place])


@pytest.mark.parametrize("fetcher", FETCHERS)
def test_whatever_a_server_fetches_with_goes_on_where_it_broke_off(
    place_with, fetcher, between, seaweed, folder, project_factory, engine
):
    """The address is refused in between: then what has come stays."""
    place = place_with(FETCHERS[fetcher])
    between.fate = staticmethod(lambda number: ("half", "403", "")[number - 1])
    operator = engine(project_factory([place], FILES, extra=seaweed.table(folder, endpoint=between.endpoint)))
    operator.deploy(tag="r1")
    assert live(place) == "r1" and not warnings(operator), warnings(operator)
    first, second, third = (asked.partition(" ")[2] for asked in between.asked)
    assert first in ("", "bytes=0-") and second == third > "bytes=1", between.asked
    told = [text for text in notes(operator) if "trying again" in text]
    assert len(told) == 2 and "403" in told[1], told
    at_rest([place])


@pytest.mark.parametrize("fetcher", FETCHERS)
def test_a_server_that_may_not_read_the_store_says_so_whatever_it_fetches_with(
    place_with, fetcher, between, seaweed, folder, project_factory, engine
):
    place = place_with(FETCHERS[fetcher])
    between.fate = staticmethod(lambda number: "403")
    operator = engine(project_factory([place], FILES, extra=seaweed.table(folder, endpoint=between.endpoint)))
    operator.deploy(tag="r1")
    (warning,) = warnings(operator)
    assert "403" in warning and warning.endswith("its files are sent from here") and "X-Amz" not in warning
    assert live(place) == "r1" and len(between.asked) == 3
    at_rest([place])


@pytest.mark.parametrize("fetcher", FETCHERS)
def test_doctor_says_what_a_server_fetches_with(place_with, fetcher, seaweed, folder, project_factory, engine):
    operator = engine(project_factory([place_with(FETCHERS[fetcher])], SMALL, extra=seaweed.table(folder)))
    ((said,),) = ([each for each in found if each.topic == "store"] for found in examine(operator.fleet).values())
    assert said.level == OK and f"the server fetches with {fetcher.partition('-')[0]};" in said.text, said


@pytest.mark.parametrize(
    ("fetchers", "why"),
    [
        ({}, "has neither curl nor wget"),
        ({"wget": "busybox"}, "has no curl, and its wget would show the address of the pack to every user there"),
    ],
    ids=["none", "busybox"],
)
def test_a_server_that_cannot_fetch_is_named_in_the_plan_with_the_reason(
    place_with, fetchers, why, between, seaweed, folder, project_factory, engine
):
    place = place_with(fetchers)
    operator = engine(project_factory([place], FILES, extra=seaweed.table(folder, endpoint=between.endpoint)))
    plan = operator.plan(DeployRequest(tag="r1"))
    assert f"web {why}, so the files are sent from here" in plan.warnings
    operator.deploy(tag="r1")
    assert live(place) == "r1" and between.asked == [] and not warnings(operator)
    ((said,),) = ([each for each in found if each.topic == "store"] for found in examine(operator.fleet).values())
    assert said.level == WARNING and why in said.text and "install curl" in said.hint, said


def _programs_with(folder, fetchers):
    """A folder with links to all programs of this machine, but of what fetches only to these."""
    programs = folder / "programs"
    programs.mkdir()
    for name, path in fetchers.items():
        os.symlink(path, programs / name)
    for top in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for entry in os.scandir(top):
            if entry.name not in ("curl", "wget", "wget2") and not os.path.lexists(programs / entry.name):
                os.symlink(entry.path, programs / entry.name)
    return programs


@pytest.fixture
def impatient(monkeypatch):
    """A store may be silent for a second or two, on this machine and on servers."""
    monkeypatch.setattr(sending, "SILENT", 1.0)
    stripped = launch.stripped
    monkeypatch.setattr(
        launch,
        "stripped",
        lambda name: stripped(name).replace('"$idle" -ge 30', '"$idle" -ge 2').replace("30 s", "2 s"),
    )


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fetcher", FETCHERS)
@pytest.mark.parametrize(
    "fates", [("stall", ""), ("stall", "nothing"), ("nothing",)], ids=["once", "always", "at-once"]
)
def test_a_server_that_hears_nothing_from_the_store_goes_on_or_gets_its_files_from_here(
    place_with, fetcher, fates, between, seaweed, folder, project_factory, engine
):
    """It goes on where the store had stopped. If nothing more comes then, it does not wait a third time."""
    place = place_with(FETCHERS[fetcher])
    between.fate = staticmethod(lambda number: fates[number - 1])
    operator = engine(project_factory([place], FILES, extra=seaweed.table(folder, endpoint=between.endpoint)))
    operator.deploy(tag="r1")
    assert live(place) == "r1" and (place.files / "current/big").read_bytes() == FILES[b"big"]
    said = "nothing came from the store for 2 s"
    assert len(between.asked) == len(fates)
    assert any(said in text and "trying again" in text for text in notes(operator)) is (len(fates) == 2)
    assert [said in text and text.endswith("its files are sent from here") for text in warnings(operator)] == (
        [] if fates[-1] == "" else [True]
    )
    at_rest([place])


@pytest.fixture
def dropping():
    """An address that answers nobody who wants to connect, as behind a firewall that drops what comes."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        for _ in range(3):  # whoever comes next is not answered
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("fetcher", FETCHERS)
def test_a_server_behind_a_firewall_that_drops_what_goes_to_the_store_waits_for_it_once(
    place_with, fetcher, dropping, seaweed, folder, project_factory, engine, monkeypatch
):
    place, given, stripped = place_with(FETCHERS[fetcher]), [], launch.stripped

    def hasty(name):
        text = stripped(name).replace("--connect-timeout 10", "--connect-timeout 1").replace("-T 10", "-T 1")
        return text.replace('"$idle" -ge 30', '"$idle" -ge 3')  # wget2 waits for an answer as long as for more

    monkeypatch.setattr(launch, "stripped", hasty)
    real = objects.Objects.address

    def address(self, key, *, fresh=False):
        given.append(fresh)
        return real(self, key, fresh=fresh).replace(seaweed.endpoint, dropping)

    monkeypatch.setattr(objects.Objects, "address", address)
    operator = engine(project_factory([place], SMALL, extra=seaweed.table(folder)))
    operator.deploy(tag="r1")
    (warning,) = warnings(operator)
    assert warning.endswith("its files are sent from here") and given == [False], (warning, given)
    assert live(place) == "r1"
    at_rest([place])


SILENCES = {
    "look": ("GET", "pack.json"),
    "manifest": ("PUT", "manifest"),
    "pack": ("PUT", "tar.gz"),
    "end": ("HEAD", "tar.gz"),
    "facts": ("PUT", "pack.json"),
    "name": ("PUT", "pushed"),
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("silence", SILENCES)
def test_a_store_that_falls_silent_while_it_is_filled_is_told_and_all_is_sent_from_here(
    silence, between, seaweed, folder, sshd, project_factory, engine
):
    stalled = []

    def ours(method, path):
        stops = method == SILENCES[silence][0] and SILENCES[silence][1] in path
        stalled.extend([path] * stops)
        return "mute" if stops else ""

    between.ours = staticmethod(ours)
    operator = engine(project_factory([sshd], FILES, extra=seaweed.table(folder, endpoint=between.endpoint)))
    plan = operator.plan(DeployRequest(tag="r1"))
    operator.run(DeployRequest(tag="r1"), plan)
    assert stalled, "nothing was asked for"
    assert live(sshd) == "r1" and (sshd.files / "current/big").read_bytes() == FILES[b"big"]
    [warning] = [*plan.warnings, *warnings(operator)]
    assert "the store does not answer" in warning and warning.endswith("sent from here"), warning
    at_rest([sshd])


@pytest.mark.usefixtures("impatient")
def test_a_push_and_a_verify_of_a_silent_store_say_so_and_the_next_ones_work(
    between, seaweed, folder, bucket, sshd, project_factory, engine
):
    project = engine(
        project_factory([sshd], FILES, extra=seaweed.table(folder, endpoint=between.endpoint))
    ).fleet.project

    def push():
        return storing.push(project, "production", None, lambda event: None, Cancel())

    for method in ("PUT", "GET"):
        between.ours = staticmethod(
            lambda used, path, method=method: "stall" if used == method and "pack.json" in path else ""
        )
        with pytest.raises(StoreSilent, match="the store does not answer") as caught:
            push()
        assert "nothing happened for 1 s" in caught.value.detail
    between.ours = staticmethod(lambda method, path: "")
    assert not push().there, "the one before was not finished"
    assert push().there
    between.ours = staticmethod(lambda method, path: "stall" if method == "GET" and "tar.gz" in path else "")
    with pytest.raises(StoreSilent):
        storing.verify(project, lambda event: None, Cancel())
    between.ours = staticmethod(lambda method, path: "")
    assert set(storing.verify(project, lambda event: None, Cancel()).values()) == {""}


def test_a_rollback_that_only_a_silent_store_could_serve_changes_nothing(
    between, seaweed, folder, sshd, project_factory, engine, request
):
    project = project_factory([sshd], FILES, extra=seaweed.table(folder, endpoint=between.endpoint))
    operator = engine(project)
    operator.deploy(tag="r1")
    project.commit({b"index.html": "two\n"})
    operator.deploy(tag="r2")
    for gone in ("releases/r1", "deploy-cache"):
        shutil.rmtree(sshd.files / gone)
    forget_everything_here(project)
    elsewhere = engine(
        project_factory([sshd], {"other.txt": "x"}, extra=seaweed.table(folder, endpoint=between.endpoint))
    )
    request.getfixturevalue("impatient")
    between.fate = staticmethod(lambda number: "nothing")
    between.ours = staticmethod(lambda method, path: "stall" if method == "GET" and "tar.gz" in path else "")
    error = elsewhere.fails(lambda: elsewhere.rollback("r1"), SourceError)
    assert "r1 cannot be read from the store" in error.title and "the store does not answer" in error.detail
    assert live(sshd) == "r2"
    at_rest([sshd])


def test_a_cancel_while_servers_fetch_leaves_all_as_it_was(between, seaweed, folder, sshd, project_factory, engine):
    project = project_factory([sshd], FILES, extra=seaweed.table(folder, endpoint=between.endpoint))
    operator = engine(project)

    def fate(number):
        operator.controls.cancel.request()
        return ""

    between.fate = staticmethod(fate)
    operator.fails(lambda: operator.deploy(tag="r1"), Cancelled)
    assert live(sshd) == ""
    at_rest([sshd])


def test_ci_pushes_and_a_laptop_deploys_and_prune_keeps_what_a_record_names(
    seaweed, folder, bucket, sshd, project_factory
):
    table = seaweed.table(folder)
    ci = project_factory([sshd], SMALL, extra=table, source_options={"build": ["date +%N > built"]})
    pushed = ci.git("rev-parse", "HEAD")
    ended = turnout(ci, "store", "push", "production")
    assert ended.returncode == 0 and f"in the store: {pushed[:12]} for production" in ended.stdout, ended
    laptop = project_factory([sshd], {"nothing.txt": ""}, extra=table)
    shutil.rmtree(laptop.tree / ".git")
    shutil.rmtree(Settings().cache)
    ended = turnout(laptop, "deploy", "production", "--from-store", "--ref", "0" * 40, "--yes")
    assert ended.returncode == 2 and "the store has no tree of 000000000000 for production" in ended.stderr
    words = ("deploy", "production", "--from-store", "--ref", pushed, "--tag", "r1", "--yes")
    ended = turnout(laptop, *words)
    assert ended.returncode == 0, ended
    assert live(sshd) == "r1" and (sshd.files / "current/built").read_text().strip()
    assert record(sshd, "r1").revision == pushed
    ci.commit({"index.html": "never deployed\n"})
    assert turnout(ci, "store", "push", "production").returncode == 0
    _, rows = turnout_json(ci, "store", "list")
    assert [row["environments"] for row in rows[:-1]] == ["production"] * 2
    ended = turnout(ci, "store", "prune", "--yes")
    assert "nothing to remove" in ended.stdout + ended.stderr, "both are new"
    status, rows = turnout_json(ci, "store", "prune", "--unused-for", "0s", "--yes")
    gone = [row["tree"] for row in rows if row["event"] == "stored"]
    assert status == 0 and len(gone) == 1 and gone[0] != record(sshd, "r1").digest
    assert {catalog.digest_in(key) for key in bucket.keys_of_project} == {record(sshd, "r1").digest}
    assert turnout(ci, "store", "verify").returncode == 0
    one_byte(*bucket.pack(), bucket)
    ended = turnout(ci, "store", "verify")
    assert ended.returncode == 1 and "is not what was pushed" in ended.stdout
    ci.config.write_text(ci.config.read_text().replace('host = "web"', 'host = "127.0.0.1"\nport = 1'))
    ended = turnout(ci, "store", "prune", "--unused-for", "0s", "--yes")
    assert ended.returncode == 3 and "unknown what the records of a server need" in ended.stderr, ended
    assert "-> is sshd running there, and is the port right?; the store is not pruned" in ended.stderr, ended


@pytest.fixture
def four_trees(between, seaweed, folder, sshd, project_factory, engine):
    """A project whose store has four trees, of which no environment of the project needs one."""
    project = project_factory([sshd], SMALL, extra=seaweed.table(folder, endpoint=between.endpoint))
    found = engine(project).fleet.project
    for number in range(4):
        project.commit({"index.html": f"{number}\n"})
        storing.push(found, "another", None, unheard, Cancel())
    return found


READERS = {
    "list": ("/pushed/", lambda project: storing.stored(project, Cancel())),
    "prune-goes": ("/pushed/", lambda project: storing.plan_prune(project, Cancel(), -60.0)),
    "prune-stays": ("/pack.json", lambda project: storing.plan_prune(project, Cancel())),
    "verify": ("/pack.json", lambda project: storing.verify(project, unheard, Cancel())),
}


@pytest.mark.parametrize("reader", READERS)
def test_the_facts_of_many_trees_are_asked_for_at_the_same_time(reader, four_trees, between):
    what, read = READERS[reader]
    meeting, met = threading.Barrier(4), []

    def ours(method, path):
        if method == "GET" and what in path:
            met.append(meeting.wait(PATIENCE))  # where one waits for another, nobody comes
        return ""

    between.ours = staticmethod(ours)
    found = read(four_trees)
    assert len(found) == 4 if isinstance(found, list | dict) else len(found.trees) + found.kept == 4
    assert len(met) >= 4


@pytest.mark.parametrize("reader", READERS)
def test_what_the_store_refuses_ends_it_while_many_are_read(reader, four_trees, between):
    what, read = READERS[reader]
    wanted = []

    def ours(method, path):
        wanted.extend([path] * (what in path))
        return "403" if len(wanted) == 3 and what in path else ""

    between.ours = staticmethod(ours)
    with pytest.raises(StoreError, match=r"the store (refuses|cannot)"):
        read(four_trees)


def test_a_cancel_ends_a_list_whose_store_does_not_answer(four_trees, between):
    cancel = Cancel()

    def ours(method, path):
        if "/pushed/" in path:
            cancel.request()
            return "mute"
        return ""

    between.ours = staticmethod(ours)
    with pytest.raises(Cancelled):
        storing.stored(four_trees, cancel)


def test_doctor_has_each_server_fetch_and_leaves_nothing(
    between, seaweed, folder, bucket, sshd, project_factory, engine
):
    def found(**options):
        operator = engine(project_factory([sshd], SMALL, extra=seaweed.table(folder, **options)))
        (findings,) = examine(operator.fleet).values()
        assert [finding.text for finding in findings if finding.topic == "rehearsal"], findings
        (finding,) = [finding for finding in findings if finding.topic == "store"]
        return finding

    good = found(endpoint=between.endpoint)
    assert good.level == OK and "the server fetches with curl" in good.text and between.asked == ["curl"]
    between.fate = staticmethod(lambda number: "403")
    refused = found(endpoint=between.endpoint)
    assert refused.level == WARNING and f"cannot fetch from {between.endpoint}, so its files are sent" in refused.text
    assert "403" in refused.text and "X-Amz" not in refused.text and refused.hint
    assert bucket.keys == [], "what was tried is gone"
    wrong = found(key="wrong-secret-key")
    assert wrong.level == WARNING and "the store refuses access" in wrong.text and "key-id" in wrong.hint
    assert "wrong-secret-key" not in wrong.text + wrong.hint
    away = found(endpoint="http://127.0.0.1:1")
    assert away.level == WARNING and "the store cannot be used" in away.text and away.hint
    at_rest([sshd])
