"""Large files that changed a little travel as patches; whatever goes wrong with one, no wrong file goes live."""

from __future__ import annotations

import itertools
import os
import shutil
import threading
from pathlib import Path

import pytest

from core import DeployRequest
from core.errors import Cancelled, ConnectError
from core.events import Note, UploadProgress
from core.operations import patching
from core.remote import launch
from core.sums import Summing
from tests.engine.driving import at_rest, live
from tests.projects import Script
from tests.servers import need
from tests.unit.test_patches import noise

OLD = noise(3 << 20)
NEW = OLD[: 1 << 20] + b"changed" + OLD[(1 << 20) + 7 :] + b"more"
NAME = "data/it's big.bin"


@pytest.fixture(autouse=True)
def far(monkeypatch):
    """Files of few megabytes are worth a patch."""
    need("zstd")
    monkeypatch.setattr(patching, "NEAR", 0.0)


@pytest.fixture(params=["sums", "content"])
def project(request, sshd, project_factory, engine):
    """One whose first release is live, and whose large file has changed: known by its sums, or only by git."""
    project = project_factory([sshd], files={NAME: OLD, "index.html": "one\n"})
    engine(project).deploy(tag="r1")
    if request.param == "content":
        shutil.rmtree(kept_sums())
    project.commit({NAME: NEW, "index.html": "two\n"})
    return project


def kept_sums() -> Path:
    return Path(os.environ["TURNOUT_CACHE_DIR"]) / "sums"


def sent(operator) -> int:
    """Bytes of content that travelled."""
    progress = operator.said(UploadProgress)
    last = [event for event, after in itertools.pairwise(progress) if after.sent < event.sent]
    return sum(event.sent for event in (*last, *progress[-1:]))


def warnings(operator) -> list[str]:
    return [event.text for event in operator.said(Note, level="warning")]


def test_a_changed_file_travels_as_a_patch(project, sshd, engine):
    operator = engine(project)
    plan = operator.plan(DeployRequest(tag="r2"))
    assert "send at most 3.1 MB in 2 files" in plan.steps[0].price()
    result = operator.run(DeployRequest(tag="r2"), plan)
    assert (sshd.files / "current" / NAME).read_bytes() == NEW
    assert (sshd.files / "releases/r1" / NAME).read_bytes() == OLD
    assert sent(operator) < 100_000
    assert "3.1 MB made from" in " ".join(event.text for event in operator.said(Note))
    assert "kB in 2 files" in result.summary or " B in 2 files" in result.summary
    again = engine(project)
    again.deploy(tag="r3")
    assert sent(again) == 0, "what the server has now is what its manifest says"
    at_rest([sshd])


def test_only_another_mode_sends_no_content(sshd, project_factory, engine):
    text = "echo\n" * 300_000
    project = project_factory([sshd], files={"run": text}, deploy={"copy": "hardlink"})
    engine(project).deploy(tag="r1")
    project.commit({"run": Script(text)})
    operator = engine(project)
    operator.deploy(tag="r2")
    assert sent(operator) == 0
    assert (sshd.files / "current/run").read_text() == text
    modes = [(sshd.files / "releases" / tag / "run").stat().st_mode & 0o777 for tag in ("r1", "r2")]
    assert modes == [0o644, 0o755]


@pytest.fixture
def folder(sshd, project_factory, engine):
    """A folder whose first release is live. Its large file has changed, so only the server has the old content."""
    project = project_factory([sshd], files={NAME: OLD, "index.html": "one\n"}, source="directory")
    engine(project).deploy(tag="r1")
    (project.tree / NAME).write_bytes(NEW)
    return project


def test_a_file_of_a_folder_travels_as_a_patch(folder, sshd, engine):
    operator = engine(folder)
    operator.deploy(tag="r2")
    assert (sshd.files / "current" / NAME).read_bytes() == NEW
    assert (sshd.files / "releases/r1" / NAME).read_bytes() == OLD
    assert sent(operator) < 100_000
    assert "3.1 MB made from" in " ".join(event.text for event in operator.said(Note))
    again = engine(folder)
    again.deploy(tag="r3")
    assert sent(again) == 0
    at_rest([sshd])


def test_what_moved_in_a_file_of_a_folder_stays_there(folder, sshd, engine):
    moved = noise(50_000, 7) + OLD
    (folder.tree / NAME).write_bytes(moved)
    operator = engine(folder)
    operator.deploy(tag="r2")
    assert (sshd.files / "current" / NAME).read_bytes() == moved
    assert sent(operator) < 100_000


@pytest.mark.parametrize("lost", ["sums", "copy"])
def test_a_folder_whose_old_content_is_not_known_is_sent_whole(folder, sshd, engine, lost):
    if lost == "sums":
        shutil.rmtree(kept_sums())
    else:
        place = sshd.files / "deploy-cache" / NAME
        place.write_bytes(noise(len(OLD), 5))
    operator = engine(folder)
    operator.deploy(tag="r2")
    assert (sshd.files / "current" / NAME).read_bytes() == NEW
    assert sent(operator) == len(NEW)
    at_rest([sshd])


def test_another_content_in_a_folder_is_sent_whole(folder, sshd, engine):
    other = noise(len(OLD), 6)
    (folder.tree / NAME).write_bytes(other)
    operator = engine(folder)
    operator.deploy(tag="r2")
    assert (sshd.files / "current" / NAME).read_bytes() == other
    assert sent(operator) == len(other)


def test_sums_that_lie_only_cost_the_whole_file(folder, sshd, engine):
    """As where two blocks have the same sum."""
    [old] = kept_sums().iterdir()
    summing = Summing()
    summing.update(NEW)
    old.write_bytes(old.read_bytes()[:7] + summing.sums().raw[: old.stat().st_size - 7])
    operator = engine(folder)
    operator.deploy(tag="r2")
    assert (sshd.files / "current" / NAME).read_bytes() == NEW
    assert warnings(operator) == [f"{NAME} could not be made from a patch: it is sent whole"]


def test_where_the_old_content_was_damaged_the_file_is_sent_whole(project, sshd, engine):
    """In a way that nobody notices before: the same size, the same time."""
    place = sshd.files / "deploy-cache" / NAME
    times = place.stat()
    place.write_bytes(OLD[:-1] + b"?")
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    operator = engine(project)
    operator.deploy(tag="r2")
    assert (sshd.files / "current" / NAME).read_bytes() == NEW
    assert sent(operator) > len(NEW)


def test_a_patch_that_does_not_fit_is_followed_by_the_file(project, sshd, engine, monkeypatch):
    before = patching.Patching.make

    def make(self, rtt, cancel):
        (sshd.files / "deploy-cache" / NAME).write_bytes(bytes(len(OLD)))
        before(self, rtt, cancel)

    monkeypatch.setattr(patching.Patching, "make", make)
    operator = engine(project)
    operator.deploy(tag="r2")
    assert (sshd.files / "current" / NAME).read_bytes() == NEW
    assert len(NEW) < sent(operator) < len(NEW) + 100_000
    assert warnings(operator) == [f"{NAME} could not be made from a patch: it is sent whole"]
    at_rest([sshd])


def test_a_server_that_fails_to_make_any_gets_the_file(project, sshd, engine, monkeypatch):
    """As one whose zstd is too old, or that has no memory for it."""
    whole = launch.stripped(launch.PATCH).replace("long zstd ", "long zstd --no-such-option ")
    monkeypatch.setattr(launch, "stripped", lambda name: whole)
    operator = engine(project)
    operator.deploy(tag="r2")
    assert (sshd.files / "current" / NAME).read_bytes() == NEW
    assert sent(operator) > len(NEW)


def test_an_agent_that_dies_while_it_makes_files_leaves_nothing_wrong(project, sshd, engine, monkeypatch):
    text = launch.stripped(launch.PATCH).replace("end_patch() {\n", "end_patch() {\nkill -KILL $$\n")
    with monkeypatch.context() as patched:
        patched.setattr(launch, "stripped", lambda name: text)
        operator = engine(project)
        operator.fails(lambda: operator.deploy(tag="r2"), ConnectError)
    assert live(sshd) == "r1"
    again = engine(project)
    again.deploy(tag="r2")
    assert (sshd.files / "current" / NAME).read_bytes() == NEW
    assert sent(again) < 100_000, "what the cache holds was compared, and patched"
    at_rest([sshd])


def test_a_cancel_ends_it(project, sshd, engine, monkeypatch):
    text = launch.stripped(launch.PATCH).replace("end_patch() {\n", "end_patch() {\nlong sleep 60\n")
    with monkeypatch.context() as patched:
        patched.setattr(launch, "stripped", lambda name: text)
        operator = engine(project)

        def cancel(event):
            if isinstance(event, UploadProgress) and event.sent == event.total:
                threading.Timer(0.3, operator.controls.cancel.request).start()

        operator.on_event = cancel
        operator.fails(lambda: operator.deploy(tag="r2"), Cancelled)
    assert live(sshd) == "r1"
    at_rest([sshd])
    engine(project).deploy(tag="r2")
    assert (sshd.files / "current" / NAME).read_bytes() == NEW


def test_without_zstd_here_files_travel_whole(project, sshd, engine, monkeypatch):
    monkeypatch.setattr(patching, "has_zstd", lambda: False)
    operator = engine(project)
    operator.deploy(tag="r2")
    assert (sshd.files / "current" / NAME).read_bytes() == NEW
    assert sent(operator) > len(NEW)


def test_servers_with_the_same_cache_get_the_same_patch(servers, project_factory, engine):
    places = servers(2)
    project = project_factory(places, files={NAME: OLD})
    engine(project).deploy(tag="r1")
    project.commit({NAME: NEW})
    operator = engine(project)
    operator.deploy(tag="r2")
    for place in places:
        assert (place.files / "current" / NAME).read_bytes() == NEW
    assert sum(event.sent for event in operator.said(UploadProgress)) < 400_000


def test_over_a_short_way_few_bytes_travel_whole(project, sshd, engine, monkeypatch):
    monkeypatch.setattr(patching, "NEAR", 3600.0)
    operator = engine(project)
    operator.deploy(tag="r2")
    assert (sshd.files / "current" / NAME).read_bytes() == NEW
    assert sent(operator) > len(NEW)
