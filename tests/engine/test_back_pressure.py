"""Many servers at one sshd with its default limits, many behind one gateway, and servers that cut connections."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from core.errors import ConnectError, NoChannel
from core.remote import admission
from core.remote.admission import AT_ONCE, TRIES, Gate, pause
from core.remote.connection import start
from core.remote.link import Routes
from core.sshconfig import Book, Target
from tests.engine.test_connecting import error_of
from tests.engine.test_logins import OtherServer, works
from tests.waiting import until


def accepted(server) -> int:
    """How many logins an sshd has let in."""
    return server.log.read_text(errors="replace").count("Accepted publickey")


def test_twenty_four_servers_at_one_sshd_with_default_limits_are_all_looked_at(servers, fleet_of):
    places = servers(24)
    fleet = fleet_of(*places)
    inspection = fleet.inspect()
    assert not inspection.errors
    assert len(inspection.states) == 24


@pytest.mark.parametrize("limits", ["MaxStartups 2:50:4\n", "MaxStartups 1\n"])
def test_an_sshd_that_drops_connections_gets_them_again(tmp_path, home, announce, fleet_of, limits):
    with OtherServer(tmp_path / "server", limits) as server:
        places = [announce(server.place(tmp_path / "roots", f"web{number}")) for number in range(12)]
        works(fleet_of(*places))


def test_servers_behind_one_gateway_share_one_connection_to_it(tmp_path, home, servers, announce, fleet_of):
    """More than MaxSessions: what goes through a gateway is no session."""
    (inner,) = servers(1, separate=True)
    with OtherServer(tmp_path / "gate", "MaxSessions 4\nMaxStartups 2:50:4\n") as gate:
        known_hosts = home / ".ssh/known_hosts"
        places = [inner.server.place(tmp_path / "roots", f"in{number}") for number in range(24)]
        (home / ".ssh/config").write_text(
            "".join(f"{place.server.ssh_config(place.alias)}    ProxyJump gate\n" for place in places)
            + gate.ssh_config("gate")
        )
        known_hosts.write_text("")
        fleet = fleet_of(*places)
        works(fleet)
        assert accepted(gate) == 1
        # One that goes leaves the others their way; when all have gone the gateway is left, too.
        fleet.session("in0").close()
        assert fleet.session("in1").glance()
        fleet.close()
        until(lambda: not [pid for pid in gate.session_processes() if pid], "the gateway is left")
        works(fleet)
        assert accepted(gate) == 2


def test_a_gateway_that_fails_is_tried_once_for_all_that_wait_for_it(tmp_path, home, servers, fleet_of):
    places = servers(6)
    with Cutting(0, refuse=True) as gate:
        (home / ".ssh/config").write_text(
            "".join(
                f"{place.server.ssh_config(place.alias)}    ProxyJump ana@127.0.0.1:{gate.port}\n" for place in places
            )
        )
        errors = fleet_of(*places).inspect().errors
    assert len(errors) == 6
    for name, error in errors.items():
        assert error.title == f"no SSH connection to the gateway ana@127.0.0.1:{gate.port}"
        assert error.server == name
    assert gate.count < 6


class Cutting:
    """A port that cuts the first connections before a word, and then leads to a server; `count` of all that came.

    refuse  says what is no SSH to everybody, slowly enough for others to come meanwhile
    """

    def __init__(self, cuts: int, port: int = 0, said: bytes = b"", refuse: bool = False) -> None:
        self._cuts = cuts
        self._to = port
        self._said = said
        self._refuse = refuse
        self.count = 0

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        # Closed alone, it would go on listening: its thread waits in `accept`.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.count += 1
            if self._refuse:
                threading.Timer(
                    0.5, lambda client=client: (client.sendall(b"220 mail\r\n" * 200), client.close())
                ).start()
            elif self.count <= self._cuts:
                threading.Thread(target=_say_and_close, args=(client, self._said), daemon=True).start()
            else:
                out = socket.create_connection(("127.0.0.1", self._to))
                for source, other in ((client, out), (out, client)):
                    threading.Thread(target=_carry, args=(source, other), daemon=True).start()


def _say_and_close(client, said):
    """Read what comes before closing: data that nobody reads would make a reset of the end, which may overtake it."""
    try:
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    except OSError:
        pass
    client.close()


def _carry(source, other):
    try:
        while raw := source.recv(65536):
            other.sendall(raw)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def at(sshd, home, port):
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace(f"Port {sshd.port}", f"Port {port}\n    HostKeyAlias web"))
    (home / ".ssh/known_hosts").write_text(f"web {sshd.server.host_key}\n")


@pytest.mark.parametrize("said", [b"", b"Exceeded MaxStartups\r\n"])
def test_a_connection_that_is_cut_before_the_handshake_is_tried_again(sshd, home, fleet_of, said):
    with Cutting(3, sshd.port, said) as port:
        at(sshd, home, port.port)
        works(fleet_of(sshd))
        assert port.count == 4


def test_one_that_is_always_cut_is_given_up_with_what_it_said(sshd, home, fleet_of, monkeypatch):
    monkeypatch.setattr(admission, "LONGEST_PAUSE", 0.01)
    with Cutting(1000, said=b"Exceeded MaxStartups\r\n") as port:
        at(sshd, home, port.port)
        error = error_of(fleet_of(sshd), ConnectError)
        assert error.title == f"{sshd.user}@127.0.0.1:{port.port} ended the connection {TRIES} times before the login"
        assert "Exceeded MaxStartups" in error.detail and "MaxStartups" in error.hint
        assert port.count == TRIES


@pytest.mark.parametrize(
    ("said", "title"), [(b"Not allowed at this time\r\n", "refuses connections"), (b"HTTP/1.0 400 no\r\n", "no SSH")]
)
def test_what_trying_again_does_not_mend_is_tried_once(sshd, home, fleet_of, said, title):
    with Cutting(1000, said=said) as port:
        at(sshd, home, port.port)
        error = error_of(fleet_of(sshd), ConnectError)
        assert title in error.title and said.decode().strip() in error.detail
        assert port.count == 1


def test_servers_behind_one_proxy_command_pass_one_gate(home):
    """`ssh -W %h:%p gate` is a login at the gate; with the names filled in, each server would have its own."""
    config = "Host web*\n  ProxyCommand ssh -W %h:%p gate\nHost other\n  ProxyCommand nc %h %p\n"
    (home / ".ssh/config").write_text(config)
    routes = Routes(Book(os.environ))
    gates = [admission.gate(routes.link(Target(name))._gate_of([])) for name in ("web1", "web2", "other")]
    assert gates[0] is gates[1] and gates[0] is not gates[2]


def test_a_gate_lets_no_more_in_than_it_has_places():
    gate = Gate()
    inside, most = [], []
    lock = threading.Lock()
    go = threading.Event()

    def pass_through():
        gate.enter()
        with lock:
            inside.append(1)
            most.append(len(inside))
        go.wait()
        with lock:
            inside.pop()
        gate.leave(cut=False)

    threads = [threading.Thread(target=pass_through) for _ in range(30)]
    for thread in threads:
        thread.start()
    until(lambda: len(inside) == AT_ONCE, "all places are taken")
    go.set()
    for thread in threads:
        thread.join()
    assert max(most) <= AT_ONCE and len(most) == 30


def test_a_gate_narrows_when_connections_are_cut_and_opens_again():
    gate = Gate()
    for width in (4, 2, 1, 1):
        for _ in range(gate.width):
            gate.enter()
        inside = gate.width
        gate.leave(cut=True)
        for _ in range(inside - 1):
            gate.leave(cut=True)
        assert gate.width <= width
    for _ in range(100):
        gate.enter()
        gate.leave(cut=False)
    assert gate.width == AT_ONCE


def test_pauses_grow_and_end_within_seconds():
    assert sum(admission.FIRST_PAUSE * 2**tries for tries in range(3)) < 1
    assert all(0 < pause(tries) <= admission.LONGEST_PAUSE for tries in range(1, TRIES))
    assert sum(pause(tries) for tries in range(1, TRIES)) < 10


def test_connecting_ahead_uses_what_it_dialled_also_once_a_session_was_made(pair, proxy, fleet_of):
    """An sshd counts each connection that waits for a login (MaxStartups)."""
    (first, first_far), (second, second_far) = (proxy(place) for place in pair)
    fleet = fleet_of(first_far, second_far)
    fleet.session(first_far.alias)
    fleet.connect_ahead()
    assert not fleet.inspect().errors
    assert (first.connections, second.connections) == (1, 1)


def test_a_channel_is_waited_for_while_another_one_ends(tmp_path, announce, fleet_of):
    with OtherServer(tmp_path / "server", "MaxSessions 2\n") as server:
        place = announce(server.place(tmp_path / "root", "few"))
        connection = fleet_of(place).open(place.alias).connection
        connection.session()  # beside no agent yet: it starts with the first request
        last = connection.session()
        with pytest.raises(NoChannel):
            connection.session()
        start(last, "exec sleep 0.5")
        last.close()
        assert not connection.session().closed
