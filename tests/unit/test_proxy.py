"""The network to break delays, counts, stalls and cuts as it says; shown by what arrived, never by how long it took."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.proxy import Proxy
from tests.servers import Destination, need
from tests.waiting import PATIENCE, until

FOR_EVER = 3600.0


class Far:
    """A server that keeps what it gets, and sends what it is told to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.got = bytearray()
        self.ends = 0
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._keep, args=(connection,), daemon=True).start()

    def _keep(self, connection: socket.socket) -> None:
        try:
            while chunk := connection.recv(65536):
                self.got += chunk
        except OSError:
            pass
        self.ends += 1

    def send(self, text: bytes) -> None:
        until(lambda: self._connections, "the connection arrived")
        self._connections[-1].sendall(text)

    def close(self) -> None:
        self._listener.close()
        for connection in self._connections:
            connection.close()


@pytest.fixture
def far() -> Iterator[Far]:
    server = Far()
    yield server
    server.close()


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)


def test_bytes_arrive_in_both_directions_and_are_counted(far: Far) -> None:
    with Proxy(far.port) as proxy, connected(proxy) as client:
        client.sendall(b"x" * 1_000_000)
        far.send(b"answer")
        assert client.recv(100) == b"answer"
        until(lambda: len(far.got) == 1_000_000, "all arrived")
        until(lambda: proxy.held == 0, "nothing is left")
        assert (proxy.up, proxy.down, proxy.connections, proxy.open) == (1_000_000, 6, 1, 1)


def test_every_byte_is_held_for_the_delay_in_each_direction(far: Far) -> None:
    with Proxy(far.port, delay=FOR_EVER) as proxy, connected(proxy) as client:
        client.sendall(b"question")
        far.send(b"answer")
        until(lambda: proxy.held == 14, "both wait in the proxy")
        assert far.got == b""
        assert proxy.up == proxy.down == 0
        proxy.delay = 0
        assert client.recv(100) == b"answer"
        until(lambda: far.got == b"question", "what was held arrives")


def test_a_delay_does_not_limit_how_much_is_on_the_way(far: Far) -> None:
    """Were the proxy to wait for one chunk before it takes the next, a delay would be a limit of the rate."""
    sent = b"".join(number.to_bytes(4, "big") for number in range(2_000_000))
    with Proxy(far.port, delay=FOR_EVER) as proxy, connected(proxy) as client:
        client.sendall(sent)
        until(lambda: proxy.held == len(sent), "all of it waits at once")
        proxy.delay = 0
        until(lambda: len(far.got) == len(sent), "all arrived")
    assert far.got == sent


def test_the_end_of_a_connection_travels_behind_its_bytes(far: Far) -> None:
    with Proxy(far.port, delay=FOR_EVER) as proxy, connected(proxy) as client:
        client.sendall(b"last words")
        client.shutdown(socket.SHUT_WR)
        until(lambda: proxy.held == 10, "they wait")
        assert far.ends == 0
        proxy.delay = 0
        until(lambda: far.ends == 1, "the end arrived")
        assert far.got == b"last words"
        far.send(b"still open this way")
        assert client.recv(100) == b"still open this way"


def test_a_frozen_network_passes_nothing_on_and_closes_nothing(far: Far) -> None:
    with Proxy(far.port) as proxy, connected(proxy) as client:
        client.sendall(b"before")
        until(lambda: far.got == b"before", "it flows")
        proxy.freeze()
        client.sendall(b" while")
        client.shutdown(socket.SHUT_WR)
        until(lambda: proxy.held == 6, "it waits")
        assert (bytes(far.got), far.ends, proxy.open) == (b"before", 0, 1)
        proxy.thaw()
        until(lambda: far.ends == 1, "it flows again")
        assert far.got == b"before while"


def test_a_frozen_network_can_be_cut(far: Far) -> None:
    with Proxy(far.port) as proxy, connected(proxy) as client:
        client.sendall(b"before")
        until(lambda: far.got == b"before", "it flows")
        proxy.freeze()
        client.sendall(b" while")
        proxy.cut()
        assert ended(client)
        until(lambda: far.ends == 1, "the server sees the end")
        until(lambda: proxy.open == 0, "nothing is open")
        assert far.got == b"before"


def test_a_cut_ends_every_connection_and_takes_new_ones(far: Far) -> None:
    with Proxy(far.port) as proxy:
        with connected(proxy) as first, connected(proxy) as second:
            until(lambda: proxy.open == 2, "both are open")
            proxy.cut()
            assert ended(first)
            assert ended(second)
        with connected(proxy) as third:
            third.sendall(b"again")
            until(lambda: far.got == b"again", "a new connection works")


def test_a_freeze_after_a_number_of_bytes_lets_exactly_these_pass(far: Far) -> None:
    with Proxy(far.port) as proxy, connected(proxy) as client:
        client.sendall(b"12345")
        until(lambda: proxy.up == 5, "the first arrived")
        proxy.freeze_after(300_000)
        client.sendall(b"x" * 400_000)
        until(lambda: len(far.got) == 300_005, "all that is allowed arrives")
        client.sendall(b"y")
        assert proxy.up == len(far.got) == 300_005
        proxy.thaw()
        until(lambda: far.got.endswith(b"xy"), "the rest arrives")
        assert bytes(far.got) == b"12345" + b"x" * 400_000 + b"y"


def test_a_stopped_proxy_listens_no_more(far: Far) -> None:
    with Proxy(far.port) as proxy, connected(proxy) as client:
        until(lambda: proxy.connections, "the connection to be accepted")
        proxy.stop()
        assert ended(client)
        with pytest.raises(ConnectionRefusedError):
            connected(proxy)


@pytest.mark.tidy_login
def test_a_login_through_the_proxy_is_checked_and_counted(sshd: Destination, proxy, home) -> None:
    between, place = proxy(sshd)
    assert (place.alias, place.port, place.root) == ("web-far", between.port, sshd.root)
    words = [need("ssh"), "-F", str(home / ".ssh/config"), "-o", "StrictHostKeyChecking=yes", place.alias, "echo hello"]
    done = subprocess.run(words, capture_output=True, check=True)
    assert done.stdout == b"hello\n"
    assert between.connections == 1
    assert between.up > 1000


def ended(client: socket.socket) -> bool:
    """Whether the other side closed or reset the connection; waits for either."""
    try:
        return client.recv(100) == b""
    except ConnectionResetError:
        return True
