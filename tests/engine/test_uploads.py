"""What travels to a server, and that it arrives as it was sent."""

from __future__ import annotations

import os
import threading

import pytest

from core.events import UploadProgress
from core.jobs import Job
from core.operations import passes
from core.tar import compression
from tests.servers import need
from tests.waiting import until

TEXT = {f"pages/page{number:03}.html": f"<p>the same words, page {number}</p>\n" * 2000 for number in range(30)}


@pytest.mark.parametrize(("delay", "zstd"), [(0.0, True), (0.03, True), (0.0, False), (0.03, False)])
def test_text_travels_compressed_where_that_pays_and_arrives_whole(
    sshd, proxy, project_factory, engine, delay, zstd, monkeypatch
):
    """zstd always pays; where one end has none, gzip does over a long way."""
    if zstd:
        need("zstd")
    else:
        monkeypatch.setattr(compression, "has_zstd", lambda: False)
    if not delay:
        # How busy the machine is must not make the way long.
        monkeypatch.setattr(compression, "COMPRESS_RTT", 3600.0)
    network, far = proxy(sshd, delay)
    files = TEXT | {"noise": os.urandom(20_000)}
    distant = engine(project_factory([far], files=files))
    distant.deploy(tag="r1")
    size = sum(map(len, files.values()))
    assert (network.up < size / 4) is (zstd or delay > 0)
    for path, content in files.items():
        raw = content.encode() if isinstance(content, str) else content
        assert (sshd.files / "current" / path).read_bytes() == raw


@pytest.mark.parametrize("way", ["before the tree is read", "what changed", "packed", "folder", "archive"])
def test_a_server_that_stands_still_holds_nobody_up(servers, proxy, project_factory, engine, way, monkeypatch):
    """Of more than waits for it, too. What it lacks is sent once it goes on."""
    monkeypatch.setattr(compression, "COMPRESS_RTT", 0.0 if way == "packed" else 3600.0)
    first, second, third = servers(3)
    network, still = proxy(second)
    files: dict[str, bytes | str] = {f"data/{number}": os.urandom(300_000) for number in range(40)}
    if way == "packed":
        files |= {f"text/{number}": os.urandom(80_000).hex() for number in range(100)}
    options = {"folder": {"source": "directory"}, "archive": {"source": "archive"}}.get(way, {})
    project = project_factory([first, still, third], files={"index.html": "one\n"}, **options)
    operator = engine(project)
    if way == "what changed":
        operator.deploy(tag="zero")
    project.put(files)
    size = sum(map(len, files.values()))
    network.freeze_after(4_000_000)
    job = Job("deploy", lambda emit, controls: operator.deploy(tag="one")).start()

    def sent(place):
        return max([event.sent for event in operator.said(UploadProgress, server=place.alias)], default=0)

    until(lambda: (sent(first) >= size and sent(third) >= size) or job.finished, "the end of the others' uploads")
    assert network.frozen and sent(still) < size / 2 and not job.finished
    network.thaw()
    job.result()
    for place in (first, second, third):
        for path, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            assert (place.files / "current" / path).read_bytes() == raw


@pytest.mark.parametrize("zstd", [True, False], ids=["zstd", "as it is"])
def test_servers_of_unlike_speed_get_the_same(servers, proxy, project_factory, engine, zstd, monkeypatch):
    """They are left behind at once here, one after the other, and come and go on at different places."""
    monkeypatch.setattr(passes, "PATIENCE", 0.01)
    monkeypatch.setattr(passes, "SHARE", 0.0)
    begun, start = [], passes.Pass.start
    monkeypatch.setattr(passes.Pass, "start", lambda one, on_end: (begun.append(one), start(one, on_end)))
    if zstd:
        need("zstd")
    else:
        monkeypatch.setattr(compression, "has_zstd", lambda: False)
        monkeypatch.setattr(compression, "COMPRESS_RTT", 3600.0)
    places = servers(6)
    far = [proxy(place, rate=rate)[1] for place, rate in zip(places, (0, 16e6, 8e6, 6e6, 4e6, 0), strict=True)]
    noise = [os.urandom(60_000) for _ in range(100)]
    files = {f"data/{number}": raw + raw.hex().encode() for number, raw in enumerate(noise)}
    operator = engine(project_factory(far, files=files))
    operator.deploy(tag="one")
    for place in places:
        for path, content in files.items():
            assert (place.files / "current" / path).read_bytes() == content
    assert len(begun) > 1
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "pass"], "the end of all passes")
