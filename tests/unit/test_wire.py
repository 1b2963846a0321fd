"""What leaves over a connection: gathered packets in one go, in their order, whoever else sends meanwhile."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from core.remote import wire as wires
from core.remote.transport import Turns
from core.remote.wire import Wire
from tests.waiting import until


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    """A wire with paramiko's short time limit, and its other end."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0.1)
    with ours, theirs:
        theirs.settimeout(10)
        yield Wire(ours), theirs


def all_of(sock: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += sock.recv(1 << 20)
    return got


def test_gathered_packets_leave_together(ends: tuple[Wire, socket.socket]) -> None:
    wire, other = ends
    with wire.gather():
        assert [wire.send(b"one "), wire.send(b"two ")] == [4, 4]
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.recv(1)
    wire.flush()
    assert other.recv(100) == b"one two "


def test_what_another_thread_sends_comes_behind_what_was_gathered(ends: tuple[Wire, socket.socket]) -> None:
    wire, other = ends
    with wire.gather():
        wire.send(b"one ")
        thread = threading.Thread(target=wire.send, args=(b"two ",))
        thread.start()
        thread.join()
        wire.send(b"three")
    wire.flush()
    assert all_of(other, 13) == b"one two three"


def test_more_than_the_other_side_takes_at_once_arrives_whole(ends: tuple[Wire, socket.socket]) -> None:
    wire, other = ends
    content = bytes(range(256)) * (40 << 10)
    with wire.gather():
        for place in range(0, len(content), 32 << 10):
            wire.send(content[place : place + (32 << 10)])
    thread = threading.Thread(target=wire.flush)
    thread.start()
    time.sleep(0.3)  # longer than the time limit of its socket
    assert thread.is_alive()
    assert all_of(other, len(content)) == content
    thread.join()


def test_a_connection_that_is_closed_ends_what_waits_to_leave(ends: tuple[Wire, socket.socket]) -> None:
    wire, _other = ends
    raised: list[BaseException] = []

    def flush() -> None:
        try:
            wire.flush()
        except (OSError, EOFError) as error:
            raised.append(error)

    with wire.gather():
        wire.send(bytes(10 << 20))
    thread = threading.Thread(target=flush)
    thread.start()
    wire.close()
    thread.join(10)
    assert len(raised) == 1


def test_a_side_that_takes_nothing_for_long_counts_as_gone(
    ends: tuple[Wire, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, _other = ends
    monkeypatch.setattr(wires, "STALL", 0.5)
    with wire.gather():
        wire.send(bytes(10 << 20))
    with pytest.raises(EOFError, match="accepted no data"):
        wire.flush()
    with pytest.raises(OSError, match=r"."):
        wire.send(b"more")


def test_a_side_that_is_slow_is_not_gone(ends: tuple[Wire, socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    wire, other = ends
    monkeypatch.setattr(wires, "STALL", 5.0)
    size = 3 << 20
    with wire.gather():
        wire.send(bytes(size))
    thread = threading.Thread(target=wire.flush)
    thread.start()
    got = 0
    while got < size:
        time.sleep(0.12)  # longer than the time limit of its socket
        got += len(other.recv(200_000))
    thread.join()


def test_reading_ahead_changes_nothing(ends: tuple[Wire, socket.socket]) -> None:
    wire, other = ends
    other.sendall(b"SSH-2.0-test\r\n" + bytes(100_000))
    other.close()
    got = b""
    for size in [5, 9, 16, 70_000]:
        got += wire.recv(size)
    while piece := wire.recv(100_000):
        got += piece
    assert got == b"SSH-2.0-test\r\n" + bytes(100_000)
    assert wire.heard.startswith(b"SSH-2.0-test\r\n") and wire.ended


def test_one_thread_at_a_time_has_its_turn() -> None:
    turns, inside, most = Turns(patience=60), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with turns.turn():
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_turn_that_does_not_end_holds_nobody_up() -> None:
    turns, done, release = Turns(), threading.Event(), threading.Event()

    def hold() -> None:
        with turns.turn():
            done.set()
            release.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert done.wait(10)
    passed = 0

    def others() -> None:
        nonlocal passed
        for _ in range(2000):  # each of them would wait for one who is stuck
            with turns.turn():
                passed += 1

    other = threading.Thread(target=others)
    other.start()
    until(lambda: passed == 2000, "all turns")
    assert holder.is_alive()
    release.set()
    holder.join()
    other.join()
    with turns.turn():
        assert turns._lock.locked(), "the next one has its turn again"
