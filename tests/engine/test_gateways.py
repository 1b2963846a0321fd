"""Servers that are reached through a gateway: what is said where one of the two is down, refuses or is silent."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from core.errors import AuthenticationFailed, ConnectError
from core.remote import link
from core.remote.connection import start
from tests.engine.test_connecting import error_of
from tests.servers import free_port, need, new_key


@pytest.fixture(autouse=True)
def with_sshd():
    need("sshd")


@pytest.fixture
def behind(servers, home):
    """A server behind a gateway: write ~/.ssh/config with changes to the gateway's block."""
    inner, gate = servers(2, separate=True)

    def write(change=lambda block: block, port=None):
        block = gate.server.ssh_config("gate", known_hosts=home / ".ssh/known_hosts")
        (home / ".ssh/config").write_text(
            inner.server.ssh_config(inner.alias, port=port, known_hosts=home / ".ssh/known_hosts")
            + f"    ProxyJump gate\n{change(block)}"
        )

    write()
    return inner, gate, write


def test_a_gateway_that_refuses_the_login_is_named(behind, fleet_of, tmp_path):
    inner, gate, write = behind
    stranger = new_key(tmp_path / "stranger")
    write(lambda block: block.replace(str(gate.key), str(stranger)))
    error = error_of(fleet_of(inner), AuthenticationFailed)
    assert error.title == f"the gateway {gate.user}@127.0.0.1:{gate.port} refused the login"
    assert error.server == inner.alias


def test_a_gateway_that_is_down_is_named(behind, fleet_of):
    inner, gate, write = behind
    closed = free_port()
    write(lambda block: block.replace(f"Port {gate.port}", f"Port {closed}"))
    error = error_of(fleet_of(inner), ConnectError)
    assert error.title == f"the gateway {gate.user}@127.0.0.1:{closed} refused the connection"


def test_a_server_that_is_down_behind_a_gateway_is_distinguished(behind, fleet_of):
    inner, gate, write = behind
    closed = free_port()
    write(port=closed)
    error = error_of(fleet_of(inner), ConnectError)
    assert error.title == f"the gateway {gate.user}@127.0.0.1:{gate.port} cannot reach 127.0.0.1:{closed}"


def test_a_server_that_is_silent_behind_a_gateway_costs_the_others_nothing(servers, home, fleet_of, monkeypatch):
    monkeypatch.setattr(link, "CHANNEL_TIMEOUT", 2.0)
    inner, silent, gate = servers(3, separate=True)
    known_hosts = home / ".ssh/known_hosts"
    jump = f"    ProxyJump {gate.alias}\n"
    with ExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        for _ in range(4):  # it takes as many as its queue, and no more
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        (home / ".ssh/config").write_text(
            inner.server.ssh_config(inner.alias, known_hosts=known_hosts)
            + jump
            + silent.server.ssh_config(silent.alias, port, known_hosts)
            + jump
            + gate.server.ssh_config(gate.alias, known_hosts=known_hosts)
        )
        fleet = fleet_of(inner, silent)
        errors = fleet.inspect().errors
        assert list(errors) == [silent.alias]
        assert (
            errors[silent.alias].title == f"the gateway {gate.user}@127.0.0.1:{gate.port} cannot reach 127.0.0.1:{port}"
        )
        channel = fleet.session(inner.alias).connection.session()
        start(channel, "true")
        assert channel.recv_exit_status() == 0


def test_a_gateway_that_forbids_to_forward_is_named(behind, fleet_of, home):
    inner, gate, _ = behind
    file = gate.server.folder / "authorized_keys"
    before = file.read_text()
    file.write_text(f"restrict {before}")
    try:
        error = error_of(fleet_of(inner), ConnectError)
    finally:
        file.write_text(before)
    assert error.title.startswith(f"the gateway {gate.user}@127.0.0.1:{gate.port} forbids connections to 127.0.0.1")
    assert "AllowTcpForwarding" in error.hint


def test_a_chain_of_gateways_is_gone_through_in_order(servers, home, fleet_of):
    inner, second, first = servers(3, separate=True)
    known_hosts = home / ".ssh/known_hosts"
    (home / ".ssh/config").write_text(
        inner.server.ssh_config(inner.alias, known_hosts=known_hosts)
        + f"    ProxyJump first,{second.user}@second:{second.port}\n"
        + first.server.ssh_config("first", known_hosts=known_hosts)
        + second.server.ssh_config("second", known_hosts=known_hosts).replace(f"Port {second.port}", "Port 1")
    )
    fleet = fleet_of(inner)
    assert not fleet.inspect().errors
    hosts = [key.host for key in fleet.session(inner.alias).connection.host_keys]
    assert hosts == [f"[127.0.0.1]:{hop.port}" for hop in (first, second, inner)]
