"""Connecting: the person's own ssh_config, host keys, and servers that do not answer as they should."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import threading

import paramiko
import pytest

from core.config import Server
from core.errors import AuthenticationFailed, ConnectError, HostKeyChanged, HostKeyUnknown
from core.remote import connection, link, transport
from core.remote.agent import Agent
from core.remote.connection import Connection
from core.remote.link import Routes
from core.sshconfig import Book
from tests.engine.driving import live
from tests.faults.test_breaks import agents_of
from tests.servers import OpenSSHServer, free_port, need, new_key
from tests.waiting import until


def forget(home, place):
    """known_hosts as somebody has it who never saw this server: there is none yet."""
    text = place.server.ssh_config(place.alias, known_hosts=home / ".ssh/known_hosts")
    (home / ".ssh/config").write_text(f"{text}    HashKnownHosts no\n")
    (home / ".ssh/known_hosts").unlink(missing_ok=True)
    return home / ".ssh/known_hosts"


def error_of(fleet, kind):
    errors = fleet.inspect().errors
    assert [type(error) for error in errors.values()] == [kind], errors
    return next(iter(errors.values()))


def test_an_unknown_host_key_is_reported_with_its_fingerprint_and_works_once_accepted(sshd, home, fleet_of):
    known_hosts = forget(home, sshd)
    fleet = fleet_of(sshd)
    error = error_of(fleet, HostKeyUnknown)
    assert error.fingerprint == fingerprint(sshd.server.host_key)
    assert error.fingerprint in error.detail and error.exit_code == 3
    assert not known_hosts.exists()
    fleet.accept_host_key(error)
    assert known_hosts.read_text() == sshd.server.known_hosts_line()
    assert not fleet.inspect().errors
    assert not fleet_of(sshd).inspect().errors


def fingerprint(public):
    """That of a public key as OpenSSH writes it: `TYPE BASE64`."""
    return connection.fingerprint(paramiko.Ed25519Key(data=base64.b64decode(public.split()[1])))


def test_accepting_a_key_keeps_the_lines_that_are_there(sshd, home, fleet_of):
    known_hosts = forget(home, sshd)
    known_hosts.write_text("# mine\nother.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB no newline at the end")
    fleet = fleet_of(sshd)
    fleet.accept_host_key(error_of(fleet, HostKeyUnknown))
    assert known_hosts.read_text().splitlines()[0] == "# mine"
    assert known_hosts.read_text().endswith(f"the end\n{sshd.server.known_hosts_line()}")
    assert not fleet.inspect().errors


def test_hashed_names_in_known_hosts_are_understood_and_written_where_asked_for(sshd, home, fleet_of):
    known_hosts = forget(home, sshd)
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace("HashKnownHosts no", "HashKnownHosts yes"))
    fleet = fleet_of(sshd)
    fleet.accept_host_key(error_of(fleet, HostKeyUnknown))
    assert known_hosts.read_text().startswith("|1|") and "127.0.0.1" not in known_hosts.read_text()
    assert not fleet_of(sshd).inspect().errors


def test_a_changed_host_key_is_refused_with_both_fingerprints(sshd, home, fleet_of, tmp_path):
    other = new_key(tmp_path / "other")
    known_hosts = forget(home, sshd)
    recorded = " ".join(other.with_suffix(".pub").read_text().split()[:2])
    known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {recorded}\n")
    error = error_of(fleet_of(sshd), HostKeyChanged)
    assert fingerprint(recorded) in error.detail and fingerprint(sshd.server.host_key) in error.detail
    assert error.exit_code == 3 and "ssh-keygen -R" in error.hint
    assert known_hosts.read_text() == f"[127.0.0.1]:{sshd.port} {recorded}\n"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_host_known_by_another_kind_of_key_is_recognised(tmp_path, home, fleet_of, kind):
    """known_hosts has one of the keys that the server could show: that one is asked for, as OpenSSH does."""
    with OpenSSHServer(tmp_path / "server") as server:
        key = server.folder / f"{kind}_key"
        subprocess.run([need("ssh-keygen"), "-q", "-t", kind, "-N", "", "-f", str(key)], check=True)
        config = server.folder / "sshd_config"
        config.write_text(config.read_text() + f"HostKey {key}\n")
        assert server._process is not None
        os.kill(server._process.pid, signal.SIGHUP)
        place = server.place(tmp_path / "roots", "web")
        known_hosts = forget(home, place)
        known_hosts.write_text(f"[127.0.0.1]:{server.port} {key.with_suffix('.pub').read_text()}")
        ask = [need("ssh-keyscan"), "-T", "5", "-t", kind, "-p", str(server.port), "127.0.0.1"]
        until(lambda: subprocess.run(ask, capture_output=True, check=False).stdout, f"sshd shows its {kind} key")
        assert not fleet_of(place).inspect().errors


def test_lines_of_known_hosts_that_make_no_sense_are_passed_over(sshd, home, fleet_of):
    known_hosts = forget(home, sshd)
    junk = "@revoked * ssh-rsa AAAA\nhost ssh-rsa !!not base64!!\n\x00\xff\n|1|broken|hash ssh-ed25519 AAAA\nx\n"
    known_hosts.write_bytes(junk.encode("latin-1") + sshd.server.known_hosts_line().encode())
    assert not fleet_of(sshd).inspect().errors


@pytest.mark.parametrize(
    ("names", "trusted"),
    [
        ("[127.0.0.*]:*", True),
        ("a,[127.0.0.1]:{port},b", True),
        ("*,!*127.0.0.1*", False),
        ("127.0.0.1", True),
        ("@cert-authority *", False),
    ],
)
def test_patterns_in_known_hosts_mean_what_they_mean_to_openssh(sshd, home, fleet_of, names, trusted):
    known_hosts = forget(home, sshd)
    known_hosts.write_text(f"{names.format(port=sshd.port)} {sshd.server.host_key}\n")
    errors = fleet_of(sshd).inspect().errors
    assert [type(error) for error in errors.values()] == ([] if trusted else [HostKeyUnknown])


def test_one_server_that_is_refused_delays_no_other(servers, home, fleet_of):
    fleet = servers(3)
    config = home / ".ssh/config"
    blocks = config.read_text().split("Host ")
    blocks[2] = blocks[2].replace(str(home / ".ssh/known_hosts"), str(home / "none yet"))
    config.write_text("Host ".join(blocks))
    inspection = fleet_of(*fleet).inspect()
    assert list(inspection.states) == ["web1", "web3"]
    assert isinstance(inspection.errors["web2"], HostKeyUnknown)


def test_a_server_that_is_down_is_reported_with_what_to_look_at(sshd, home, fleet_of):
    config = home / ".ssh/config"
    config.write_text(sshd.server.ssh_config(sshd.alias, port=free_port()))
    error = error_of(fleet_of(sshd), ConnectError)
    assert "refused the connection" in error.title and "sshd" in error.hint and error.server == sshd.alias


def test_an_unknown_name_is_reported(sshd, fleet_of):
    error = error_of(fleet_of(sshd, host="nowhere.invalid"), ConnectError)
    assert "cannot be resolved" in error.title and "nowhere.invalid" in error.title


def test_a_port_that_accepts_and_says_nothing_is_given_up(sshd, home, fleet_of, monkeypatch):
    monkeypatch.setattr(link, "BANNER_TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (home / ".ssh/config").write_text(sshd.server.ssh_config(sshd.alias, port=silent.getsockname()[1]))
        error = error_of(fleet_of(sshd), ConnectError)
        assert "banner" in error.detail


def test_a_port_that_speaks_something_else_is_reported(sshd, home, fleet_of, web_server, tmp_path):
    (home / ".ssh/config").write_text(sshd.server.ssh_config(sshd.alias, port=web_server(tmp_path)))
    error = error_of(fleet_of(sshd), ConnectError)
    assert error.title.startswith("no SSH connection")


def test_a_refused_login_is_reported_with_the_user(sshd, home, fleet_of, tmp_path):
    stranger = new_key(tmp_path / "stranger")
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace(str(sshd.key), str(stranger)))
    error = error_of(fleet_of(sshd), AuthenticationFailed)
    assert f"{sshd.user}@127.0.0.1:{sshd.port} refused the login" in error.title


def test_a_connection_that_ends_during_the_login_is_no_refusal(sshd, fleet_of, monkeypatch):
    asked = transport.Transport.auth_publickey

    def lost(one, *words):
        sshd.server.kill_sessions()
        until(lambda: not one.is_active(), "the loss to be noticed")
        return asked(one, *words)

    monkeypatch.setattr(transport.Transport, "auth_publickey", lost)
    error = error_of(fleet_of(sshd), ConnectError)
    assert error.title == f"no SSH connection to {sshd.user}@127.0.0.1:{sshd.port}"


def test_what_start_up_files_print_is_not_why_a_connection_was_lost(sshd, fleet_of, monkeypatch):
    """Logins of tests print, also on standard error."""
    others = agents_of(sshd)
    session = fleet_of(sshd).open(sshd.alias)
    session.ask("ping", title="")
    agents = [pid for pid in agents_of(sshd) if pid not in others]
    for pid in agents:
        os.kill(pid, signal.SIGSTOP)  # it answers nothing more
    send = Agent._send

    def send_and_lose(agent, raw):
        send(agent, raw)
        sshd.server.kill_sessions()

    monkeypatch.setattr(Agent, "_send", send_and_lose)
    with pytest.raises(ConnectError) as caught:
        session.ask("ping", title="")
    assert caught.value.detail == "the connection was closed"
    for pid in agents:
        os.kill(pid, signal.SIGCONT)


def test_a_key_with_a_passphrase_is_distinguished_from_a_refused_one(sshd, home, fleet_of, tmp_path):
    locked = tmp_path / "locked"
    words = [need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "secret words", "-f", str(locked)]
    subprocess.run(words, check=True)
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace(str(sshd.key), str(locked)))
    error = error_of(fleet_of(sshd), AuthenticationFailed)
    assert "passphrase" in error.title and "ssh-add" in error.hint


def test_turnout_toml_may_say_port_user_and_identity_itself(sshd, home, fleet_of):
    (home / ".ssh/config").unlink()
    (home / ".ssh/known_hosts").write_text(sshd.server.known_hosts_line())
    fleet = fleet_of(sshd, host="127.0.0.1", port=sshd.port, user=sshd.user, identity=str(sshd.key))
    assert not fleet.inspect().errors


def test_included_files_of_ssh_config_count(sshd, home, fleet_of):
    config = home / ".ssh/config"
    (home / ".ssh/conf.d").mkdir()
    (home / ".ssh/conf.d/web.conf").write_text(config.read_text())
    config.write_text("# mine\nInclude conf.d/*.conf\n\nHost other\n    Port 1\n")
    assert not fleet_of(sshd).inspect().errors


@pytest.mark.parametrize("way", ["ProxyJump", "gateway"])
def test_a_server_is_reached_through_another(servers, home, project_factory, engine, way, fleet_of):
    inner, bastion = servers(2, separate=True)
    config = home / ".ssh/config"
    if way == "ProxyJump":
        config.write_text(
            inner.server.ssh_config(inner.alias)
            + f"    ProxyJump {bastion.alias}\n"
            + bastion.server.ssh_config(bastion.alias)
        )
        operator = engine(project_factory([inner]))
    else:
        project = project_factory([inner])
        text = project.config.read_text()
        project.config.write_text(
            text.replace(f'host = "{inner.alias}"', f'host = "{inner.alias}"\ngateway = "{bastion.alias}"')
        )
        operator = engine(project)
    result = operator.deploy()
    assert live(inner) == result.tag
    assert bastion.server.session_processes()


def test_the_host_key_of_a_gateway_is_checked_and_can_be_accepted(servers, home, fleet_of):
    inner, bastion = servers(2, separate=True)
    config = home / ".ssh/config"
    known_hosts = home / ".ssh/known_hosts"
    config.write_text(
        inner.server.ssh_config(inner.alias)
        + f"    ProxyJump {bastion.alias}\n"
        + bastion.server.ssh_config(bastion.alias, known_hosts=known_hosts)
        + "    HashKnownHosts no\n"
    )
    known_hosts.unlink()
    inner_known = home / "inner_known_hosts"
    inner_known.write_text(inner.server.known_hosts_line())
    config.write_text(config.read_text().replace(str(inner.server.known_hosts), str(inner_known)))
    fleet = fleet_of(inner)
    error = error_of(fleet, HostKeyUnknown)
    assert error.host == f"[127.0.0.1]:{bastion.port}"
    fleet.accept_host_key(error)
    assert known_hosts.read_text() == bastion.server.known_hosts_line()
    assert not fleet.inspect().errors


def test_connections_are_made_on_many_threads_from_one_configuration(sshd):
    """Fabric writes to the configuration it is given while other threads read it, unless it is kept from that."""
    routes = Routes(Book(os.environ))
    server = Server(name="web", host=sshd.alias, root="/srv/x")
    faults = []

    def make():
        try:
            for _ in range(40):
                made = Connection(server, routes)
                assert made.link.user == sshd.user
        except Exception as error:
            faults.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert faults == []


def test_a_connection_that_died_between_two_operations_is_made_anew(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    operator.deploy()
    sshd.server.kill_sessions()
    project.commit({"index.html": "two\n"})
    result = operator.deploy()
    assert live(sshd) == result.tag
