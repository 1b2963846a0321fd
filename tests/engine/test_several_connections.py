"""Large files over several connections: they arrive as they are, whatever becomes of some of these connections."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from core.config import Server
from core.errors import ConnectError
from core.events import Note
from core.operations import large, streams
from core.remote import lanes, launch
from core.remote.connection import Connection
from core.remote.link import Routes
from core.remote.upload import Upload
from core.sshconfig import Book
from tests.engine.test_logins import OtherServer
from tests.projects import Script
from tests.waiting import PATIENCE, until

SIZE = 3_000_005
"""Bytes of the largest file: not a whole number of pieces, nor of blocks."""
TEXT = "the same words again\n" * 30_000
FILES = {"video": os.urandom(SIZE), "folder\n/of two words\n": TEXT, "tool": Script(TEXT), "public/page": "<p>shop</p>"}


@pytest.fixture
def short_pieces(monkeypatch):
    """What is large, and far, is smaller and nearer than in earnest."""
    monkeypatch.setattr(streams, "LONG_WAY", 0.0)
    monkeypatch.setattr(streams, "MUCH", 1)
    monkeypatch.setattr(large, "LARGE", 500_000)
    monkeypatch.setattr(large, "lanes_for", lambda total, rtt, servers: 4 if total else 1)
    monkeypatch.setattr(lanes, "PIECE", 4 * lanes.BLOCK)


@pytest.fixture
def shop(project_factory, engine, short_pieces):
    """Deploys FILES to a place, over and over."""

    def make(place, **options):
        return engine(project_factory([place], files=FILES, **options))

    return make


def notes(operator):
    return "\n".join(event.text for event in operator.said(Note))


def arrived(place):
    """That the live release, and the deploy-cache, are the source's, byte for byte."""
    for folder in ("current", "deploy-cache"):
        for path, content in FILES.items():
            text = content.text if isinstance(content, Script) else content
            assert (place.files / folder / path).read_bytes() == (text.encode() if isinstance(text, str) else text)
        facts = [(place.files / folder / path).stat() for path in ("tool", "video", "public/page")]
        assert [stat.S_IMODE(fact.st_mode) for fact in facts] == [0o755, 0o644, 0o644]
        assert len({fact.st_mtime for fact in facts}) == 1, "all have the time of the commit"


def test_large_files_travel_over_several_connections_and_arrive_as_they_are(sshd, proxy, shop):
    network, far = proxy(sshd, 0.01)
    operator = shop(far)
    operator.deploy(tag="one")
    assert "large files came over" in notes(operator)
    assert network.connections >= 3
    arrived(sshd)
    until(lambda: network.open == 1, "the other connections to be closed")


def test_a_connection_that_breaks_costs_nothing_but_time(sshd, proxy, shop, monkeypatch):
    _, far = proxy(sshd)
    gave = lanes.Lane.give
    broken = []

    def give(lane, given, file, on_bytes):
        if not broken:
            broken.append(lane)
            gave(lane, given, file, on_bytes)
            lane._channel.close()
        gave(lane, given, file, on_bytes)

    monkeypatch.setattr(lanes.Lane, "give", give)
    operator = shop(far)
    operator.deploy(tag="one")
    assert broken
    assert "large files came over" in notes(operator)
    arrived(sshd)


def test_a_slow_connection_holds_nobody_up(sshd, shop, monkeypatch):
    gave = lanes.Lane.give
    slow = []

    def give(lane, given, file, on_bytes):
        if not slow or lane is slow[0]:
            slow.append(lane)
            until(lambda: lane._channel.closed, "the upload to end without this one")
        gave(lane, given, file, on_bytes)

    monkeypatch.setattr(lanes, "SLOW", 0.1)
    monkeypatch.setattr(lanes.Lane, "give", give)
    operator = shop(sshd)
    operator.deploy(tag="one")
    assert slow
    arrived(sshd)


def test_where_no_more_connections_are_possible_all_goes_over_one(tmp_path, announce, shop, monkeypatch):
    def refused(connection):
        raise ConnectError("no more logins")

    # The agent and the upload have a session each: there is none for a lane.
    with OtherServer(tmp_path / "server", "MaxSessions 2\n") as server:
        place = announce(server.place(tmp_path / "root", "few"))
        operator = shop(place)
        operator.fleet.open(operator.fleet.names[0])
        monkeypatch.setattr(lanes.Connection, "open", refused)
        operator.deploy(tag="one")
        assert "several connections at once do not work" in notes(operator)
        arrived(place)


@pytest.mark.tidy_login
def test_files_that_are_made_late_are_waited_for_also_where_the_stream_has_ended(sshd, home, tmp_path):
    """While the end of the stream is awaited the channel's time limit is short, and start-up files print."""
    go_on = tmp_path / "go on"
    program = f"cat > /dev/null; echo noise; until [ -e '{go_on}' ]; do sleep 0.1; done; printf '\\nready\\n'"

    class Late(Upload):
        def _started(self, ownership):
            return launch.Start(program, "")

    connection = Connection(Server(name=sshd.alias, host=sshd.alias, root=sshd.root), Routes(Book(os.environ)))
    connection.open()
    upload = Late(connection)
    looks, made = [], []
    recv = upload._channel.recv
    upload._channel.recv = lambda size: [looks.append(size), recv(size)][1]
    waiting = threading.Thread(target=lambda: made.append(upload.wait_made()))
    waiting.start()
    until(lambda: looks, "the first look")
    finishing = threading.Thread(target=upload.finish)
    finishing.start()
    until(lambda: len(looks) > 2 or made, "a look that found nothing")
    go_on.touch()
    waiting.join(PATIENCE)
    finishing.join(PATIENCE)
    connection.close()
    assert made == [True]
