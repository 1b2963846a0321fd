"""The store: servers fetch from a real SeaweedFS, or get their files directly; nobody is told what is not true."""

from __future__ import annotations

import os
import shutil

import pytest

from core import DeployRequest
from core.events import Note
from core.settings import Settings
from tests.engine.driving import at_rest, live, snapshot
from tests.projects import Link, Script
from tests.seaweed import shared_seaweed
from tests.strategies import AWKWARD_NAMES

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
    """The SeaweedFS of this run."""
    base = tmp_path_factory.getbasetemp()
    with shared_seaweed(base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) as running:
        yield running


class Bucket:
    """What is in the store below a test's own folder, past Turnout."""

    def __init__(self, seaweed, folder):
        import obstore
        from obstore.store import S3Store

        self.client = obstore
        self.store = S3Store(
            "releases",
            prefix=folder,
            endpoint=seaweed.endpoint,
            access_key_id=seaweed.key_id,
            secret_access_key=seaweed.key,
            region="us-east-1",
            client_options={"allow_http": True},
        )

    @property
    def keys(self):
        return sorted(each["path"] for batch in self.client.list(self.store) for each in batch)

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


def cut(key, raw, bucket):
    bucket.put(key, raw[: len(raw) // 2])


def one_byte(key, raw, bucket):
    bucket.put(key, raw[:2000] + bytes([raw[2000] ^ 1]) + raw[2001:])


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
        ({"endpoint": "http://127.0.0.1:1"}, "the store cannot be used"),
        ({"key": "wrong-secret-key"}, "the store refuses access"),
    ],
)
def test_a_store_that_cannot_be_used_is_told_in_the_plan_and_all_is_sent(
    options, said, seaweed, folder, sshd, project_factory, engine
):
    operator = engine(project_factory([sshd], SMALL, extra=seaweed.table(folder.replace(" ", ""), **options)))
    plan = operator.plan(DeployRequest(tag="r1"))
    (warning,) = [text for text in plan.warnings if "store" in text]
    assert said in warning and "files are sent from here" in warning
    assert "wrong-secret-key" not in warning and not plan.store
    operator.deploy(tag="r1")
    assert live(sshd) == "r1"
