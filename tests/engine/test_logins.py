"""Logging in as `ssh` does: keys, agents, certificates, ways, and what is said where a login fails."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import paramiko
import pytest

from core.errors import AuthenticationFailed, ConnectError, HostKeyRevoked
from core.remote import transport
from tests.engine.commands import turnout
from tests.engine.driving import live
from tests.engine.test_connecting import error_of
from tests.servers import OpenSSHServer, free_port, need, new_key
from tests.waiting import until


@pytest.fixture(autouse=True)
def with_sshd():
    need("sshd")


@pytest.fixture
def keys(sshd):
    """The file of the keys that the server takes; as it was when the test ends."""
    file = sshd.server.folder / "authorized_keys"
    if not file.exists():
        pytest.skip("openssh-server is needed")
    before = file.read_text()
    yield file
    file.write_text(before)


@pytest.fixture
def configure(sshd, home):
    """Write ~/.ssh/config: the way to the server without its key, then these lines for it, then `rest`."""

    def write(*lines, rest="", before=""):
        block = "".join(f"    {line}\n" for line in lines)
        place = f"    HostName 127.0.0.1\n    Port {sshd.port}\n    User {sshd.user}\n"
        (home / ".ssh/config").write_text(f"{before}Host {sshd.alias}\n{place}{block}{rest}")

    return write


@pytest.fixture
def agent(monkeypatch, tmp_path):
    """Start an SSH agent, which SSH_AUTH_SOCK names, and give what loads a key into it."""
    path = tmp_path / "agent.sock"
    process = subprocess.Popen([need("ssh-agent"), "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    asked = [need("ssh-add"), "-l"]
    there = {**os.environ, "SSH_AUTH_SOCK": str(path)}
    # Its socket is there before it listens; 2 is "no agent", 1 one without keys.
    until(
        lambda: subprocess.run(asked, env=there, capture_output=True, check=False).returncode == 1, "the agent listens"
    )
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))

    def add(*keys):
        for key in keys:
            os.chmod(key, 0o600)
            subprocess.run([need("ssh-add"), "-q", str(key)], check=True, capture_output=True)

    add.path = path
    yield add
    process.terminate()
    process.wait()


def works(fleet):
    errors = fleet.inspect().errors
    assert not errors, {name: str(error) for name, error in errors.items()}


ELSEWHERE = {
    "capitals": "Match Host nothere.example\n    Port {closed}\n",
    "more capitals": "MATCH ORIGINALHOST db\n    Port {closed}\nmatch USER nobody9\n    HostName nowhere.invalid\n",
    "exec that fails": "Match exec false\n    Port {closed}\n",
    "two criteria": "Match host web exec false\n    Port {closed}\n",
    "negated": "Match !host web\n    Port {closed}\n",
    "final for another": "Match final host nothere\n    Port {closed}\n",
    "canonical": "Match canonical all\n    Port {closed}\n",
    "a user of nobody": "Match user nobody9\n    Port {closed}\n",
    "a comment behind the port": "Host web\n    Port {open} # was {closed}\n",
    "an included block": "Include {folder}/block\nHost other\n    Port {closed}\n",
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_a_block_that_is_not_for_the_server_leads_nowhere_else(sshd, home, configure, fleet_of, case):
    need("ssh")
    (home / "block").write_text(f"Host other\n    Port {free_port()}\n")
    text = ELSEWHERE[case].format(closed=free_port(), open=sshd.port, folder=home)
    configure(f"IdentityFile {sshd.key}", f"UserKnownHostsFile {sshd.server.known_hosts}", before=text)
    works(fleet_of(sshd))


def test_the_default_file_of_fedora_is_read(sshd, home, configure, fleet_of):
    """Match final all, with the policy's ciphers included; the server shows which cipher was taken."""
    (home / "policy").write_text("Ciphers aes256-gcm@openssh.com,aes256-ctr\nMACs hmac-sha2-256\n")
    configure(
        f"IdentityFile {sshd.key}", rest=f"Match final all\n    Include {home}/policy\n    GSSAPIAuthentication yes\n"
    )
    fleet = fleet_of(sshd)
    works(fleet)
    transport = fleet.session(sshd.alias).connection.transport
    assert transport.local_cipher == "aes256-gcm@openssh.com"


def test_without_ciphers_that_turnout_has_the_line_is_named(sshd, configure, fleet_of):
    configure(f"IdentityFile {sshd.key}", "Ciphers chacha20-poly1305@openssh.com")
    error = error_of(fleet_of(sshd), ConnectError)
    assert "Ciphers" in error.title and "chacha20" in error.detail and "aes128-gcm" in error.detail


@pytest.mark.parametrize("only", ["yes", "no"])
@pytest.mark.parametrize("with_private_half", [False, True])
def test_a_public_file_stands_for_its_key_in_the_agent(
    sshd, home, configure, fleet_of, agent, tmp_path, only, with_private_half
):
    """With strangers in the agent, more than the server tries; IdentitiesOnly lets none of them be offered."""
    strangers = [new_key(tmp_path / f"stranger{number}") for number in range(7)]
    agent(*(strangers if only == "yes" else []), sshd.key)
    public = home / "web.pub"
    shutil.copy(sshd.key.with_suffix(".pub"), public)
    named = home / "web" if with_private_half else public  # `web` itself is not there: web.pub is beside it
    configure(f"IdentityFile {named}", f"IdentitiesOnly {only}")
    works(fleet_of(sshd))


def test_an_agent_key_that_no_file_names_is_offered(sshd, configure, fleet_of, agent):
    agent(sshd.key)
    configure()
    works(fleet_of(sshd))


def test_an_agent_of_its_own_is_asked(sshd, configure, fleet_of, agent, monkeypatch):
    agent(sshd.key)
    monkeypatch.delenv("SSH_AUTH_SOCK")
    configure(f"IdentityAgent {agent.path}")
    works(fleet_of(sshd))
    configure()
    assert "there is no SSH agent" in error_of(fleet_of(sshd), AuthenticationFailed).detail


def test_no_agent_is_asked_where_none_is_to_be(sshd, configure, fleet_of, agent):
    agent(sshd.key)
    configure("IdentityAgent none")
    error_of(fleet_of(sshd), AuthenticationFailed)


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_file_that_is_missing_is_passed_over(sshd, home, configure, fleet_of, place):
    files = [f"IdentityFile {home}/none", f"IdentityFile {sshd.key}"]
    configure(*(files if place == "before" else files[::-1]))
    works(fleet_of(sshd))


def test_a_key_with_a_passphrase_beside_a_good_one_is_passed_over(sshd, home, configure, fleet_of):
    locked = home / "locked"
    subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "secret words", "-f", str(locked)], check=True)
    configure(f"IdentityFile {locked}", f"IdentityFile {sshd.key}")
    works(fleet_of(sshd))


def test_a_key_with_a_passphrase_is_used_where_the_agent_has_it(sshd, home, configure, fleet_of, agent):
    agent(sshd.key)
    locked = home / "locked"
    shutil.copy(sshd.key, locked)
    locked.chmod(0o600)
    subprocess.run([need("ssh-keygen"), "-q", "-p", "-N", "secret words", "-f", str(locked)], check=True)
    configure(f"IdentityFile {locked}", "IdentitiesOnly yes")
    works(fleet_of(sshd))


FORMS = {
    "rsa": ["-t", "rsa"],
    "rsa in PEM": ["-t", "rsa", "-m", "PEM"],
    "rsa in PKCS 8": ["-t", "rsa", "-m", "PKCS8"],
    "ecdsa": ["-t", "ecdsa"],
    "ecdsa in PEM": ["-t", "ecdsa", "-b", "384", "-m", "PEM"],
    "ed25519": ["-t", "ed25519"],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_key_is_taken(sshd, home, configure, fleet_of, keys, form):
    key = home / "key"
    subprocess.run([need("ssh-keygen"), "-q", *FORMS[form], "-N", "", "-f", str(key)], check=True)
    keys.write_text(key.with_suffix(".pub").read_text())
    configure(f"IdentityFile {key}")
    works(fleet_of(sshd))


@pytest.mark.parametrize("place", ["beside the key", "CertificateFile", "in the agent", "key in the agent"])
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_certificate_logs_in(sshd, home, configure, fleet_of, keys, agent, place, kind):
    authority, key = home / "authority", home / "key"
    for path, of in ((authority, "ed25519"), (key, kind)):
        subprocess.run([need("ssh-keygen"), "-q", "-t", of, "-N", "", "-f", str(path)], check=True)
    sign = [need("ssh-keygen"), "-q", "-s", str(authority), "-I", "one", "-n", sshd.user, str(key.with_suffix(".pub"))]
    subprocess.run(sign, check=True)
    keys.write_text(f"cert-authority {authority.with_suffix('.pub').read_text()}")
    certificate = home / "key-cert.pub"
    if place == "in the agent":
        agent(key)
        key.unlink()
        configure()
    elif place == "beside the key":
        configure(f"IdentityFile {key}")
    else:
        elsewhere = certificate.rename(home / "elsewhere-cert.pub")
        if place == "key in the agent":
            agent(key)
            key.unlink()
            configure(f"CertificateFile {elsewhere}")
        else:
            configure(f"IdentityFile {key}", f"CertificateFile {elsewhere}")
    works(fleet_of(sshd))


def test_the_identity_of_turnout_toml_goes_before_the_agent(sshd, configure, fleet_of, agent, tmp_path):
    """Seven strangers in the agent would be more than the server lets anybody try."""
    agent(*[new_key(tmp_path / f"stranger{number}") for number in range(7)])
    configure()
    works(fleet_of(sshd, identity=str(sshd.key)))


def test_an_agent_that_does_not_sign_is_passed_over(sshd, home, configure, fleet_of, monkeypatch, tmp_path):
    """It lists the key and refuses to use it; the file has it, too."""
    stranger = new_key(tmp_path / "stranger")
    blob = paramiko.Ed25519Key.from_private_key_file(str(stranger)).asbytes()
    with RefusingAgent(tmp_path / "agent.sock", blob) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        configure(f"IdentityFile {sshd.key}")
        works(fleet_of(sshd))
        configure("IdentityFile none")
        error = error_of(fleet_of(sshd), AuthenticationFailed)
        assert "the agent does not sign with it" in error.detail


class RefusingAgent:
    """An SSH agent with one key, which it never signs with (draft-miller-ssh-agent: 11, 12, 13, 5)."""

    def __init__(self, path, blob):
        self._path = path
        self._blob = blob

    def __enter__(self):
        import threading

        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        return self._path

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        import struct

        def text(raw):
            return struct.pack(">I", len(raw)) + raw

        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                while head := client.recv(4):
                    asked = client.recv(struct.unpack(">I", head)[0])
                    keys = b"\x0c" + struct.pack(">I", 1) + text(self._blob) + text(b"stubborn")
                    client.sendall(text(keys if asked[0] == 11 else b"\x05"))


# What is said where a login fails.


def test_an_rsa_key_that_is_not_authorised_is_refused_and_not_invalid(sshd, home, configure, fleet_of):
    key = home / "id"
    subprocess.run([need("ssh-keygen"), "-q", "-t", "rsa", "-N", "", "-f", str(key)], check=True)
    configure(f"IdentityFile {key}", "IdentitiesOnly yes")
    error = error_of(fleet_of(sshd), AuthenticationFailed)
    assert error.title == f"{sshd.user}@127.0.0.1:{sshd.port} refused the login"
    shown = subprocess.run(
        [need("ssh-keygen"), "-lf", str(key)], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert error.detail == f"{key} (ssh-rsa {shown}): not accepted"
    assert "Invalid key" not in str(error)


def test_every_key_that_was_offered_or_could_not_be_is_named(sshd, home, configure, fleet_of, agent):
    stranger, other = new_key(home / "stranger"), new_key(home / "other")
    agent(stranger)
    (home / "nonsense").write_text("no key\n")
    configure(f"IdentityFile {home}/none", f"IdentityFile {home}/nonsense", f"IdentityFile {other}")
    detail = error_of(fleet_of(sshd), AuthenticationFailed).detail.splitlines()
    assert len(detail) == 4
    assert detail[0].startswith(("turnout tests (ssh-ed25519 SHA256:", f"{stranger} (ssh-ed25519 SHA256:"))
    assert detail[1].startswith(f"{other} (ssh-ed25519") and detail[1].endswith("not accepted")
    assert detail[2:] == [f"{home}/none: no such key", f"{home}/nonsense: it is not a key"]


def test_more_keys_than_the_server_lets_anybody_try(sshd, home, configure, fleet_of, agent, tmp_path):
    agent(*[new_key(tmp_path / f"stranger{number}") for number in range(9)])
    configure()
    error = error_of(fleet_of(sshd), AuthenticationFailed)
    assert "MaxAuthTries" in error.hint and "IdentitiesOnly" in error.hint


def test_where_there_is_no_key_at_all_it_is_said(sshd, configure, fleet_of):
    configure()
    error = error_of(fleet_of(sshd), AuthenticationFailed)
    assert error.title == f"there is no key to log in to {sshd.user}@127.0.0.1:{sshd.port} with"
    assert "id_ed25519" in error.detail and "ssh-keygen" in error.hint


LOGINS = {
    "nologin": ("/usr/sbin/nologin", "This account is currently not available.", "it ended with status 1"),
    "false": ("/bin/false", "it printed nothing", "it ended with status 1"),
    "forced": ("echo only backups here; exit 0", "only backups here", "it ended with status 0"),
    "restricted": ("exec bash -r -c '$SSH_ORIGINAL_COMMAND'", "restricted", "it ended with status"),
}


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.tidy_login  # what its start-up file prints is compared
def test_a_login_that_runs_no_commands_is_reported_as_such(sshd, home, configure, fleet_of, keys, login):
    """And nothing is said of locks: none was taken."""
    command, said, ended = LOGINS[login]
    other = new_key(home / "other")
    keys.write_text(f'command="{command}" {other.with_suffix(".pub").read_text()}')
    configure(f"IdentityFile {other}", "IdentitiesOnly yes")
    error = error_of(fleet_of(sshd), ConnectError)
    assert error.title == "the login shell ended before the agent could start"
    assert said in error.detail and ended in error.detail
    assert "unlocks" not in str(error) and f"give {sshd.user} a shell" in error.hint


def test_a_connection_that_dies_in_a_look_claims_no_lock(sshd, fleet_of):
    fleet = fleet_of(sshd)
    works(fleet)
    session = fleet.session(sshd.alias)
    sshd.server.kill_sessions()
    with pytest.raises(ConnectError) as raised:
        session.glance()
    assert "unlocks" not in str(raised.value)


def test_nothing_of_paramiko_reaches_standard_error(sshd, home, project_factory):
    """A port that answers nonsense, in a process of its own; paramiko logs tracebacks of its threads."""
    with Talking(b"SSH-2.0-x\r\n" + b"\xff" * 64) as port:
        config = home / ".ssh/config"
        config.write_text(config.read_text().replace(f"Port {sshd.port}", f"Port {port}"))
        ended = turnout(project_factory([sshd]), "releases", "production")
    assert ended.returncode == 3
    assert "no SSH connection" in ended.stderr
    assert "Traceback" not in ended.stderr and "Exception (client)" not in ended.stderr
    assert "paramiko" not in ended.stderr


class Talking:
    """A port that says some bytes to whoever connects, and then nothing."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def __enter__(self):
        import threading

        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return self._listener.getsockname()[1]

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        kept = []
        while True:
            try:
                client, _ = self._listener.accept()
                client.sendall(self._said)
                kept.append(client)
            except OSError:
                return


# The way there.

RELAY = """\
import os, socket, sys, threading
out = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        out.sendall(data)
    out.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := out.recv(65536):
    while data:
        data = data[os.write(1, data):]
"""


def test_a_proxy_command_is_run_by_the_shell_with_its_tokens(sshd, home, project_factory, engine):
    (home / "relay.py").write_text(RELAY)
    config = home / ".ssh/config"
    config.write_text(
        config.read_text() + f"    ProxyCommand {sys.executable} $HOME/relay.py %h %p || echo not for %r\n"
    )
    result = engine(project_factory([sshd])).deploy()
    assert live(sshd) == result.tag


def test_a_proxy_command_that_fails_is_reported_with_what_it_said(sshd, home, fleet_of):
    config = home / ".ssh/config"
    config.write_text(config.read_text() + "    ProxyCommand echo no such bastion >&2; exit 7\n")
    error = error_of(fleet_of(sshd), ConnectError)
    assert "ProxyCommand" in error.title and error.detail == "no such bastion"


# Host keys that somebody revoked, variables, the agent on the server.


@pytest.mark.parametrize("form", ["a list", "a KRL"])
def test_a_key_that_revoked_host_keys_has_is_refused(sshd, home, configure, fleet_of, form):
    key = home / "revoked"
    key.write_text(f"{sshd.server.host_key} somebody\n")
    if form == "a KRL":
        subprocess.run([need("ssh-keygen"), "-q", "-k", "-f", str(home / "krl"), str(key)], check=True)
        key = home / "krl"
    configure(f"IdentityFile {sshd.key}", f"RevokedHostKeys {key}")
    error = error_of(fleet_of(sshd), HostKeyRevoked)
    assert f"revoked in {key}" in error.detail
    other = new_key(home / "other").with_suffix(".pub")
    if form == "a KRL":
        subprocess.run([need("ssh-keygen"), "-q", "-k", "-f", str(key), str(other)], check=True)
    else:
        shutil.copy(other, key)
    works(fleet_of(sshd))


def test_where_the_revoked_keys_cannot_be_read_no_key_is_trusted(sshd, home, configure, fleet_of):
    configure(f"IdentityFile {sshd.key}", "RevokedHostKeys ~/none")
    error = error_of(fleet_of(sshd), ConnectError)
    assert f"RevokedHostKeys {home}/none cannot be read" in error.title
    (home / "none").write_bytes(b"SSHKRL\n\0 torn")
    assert "cannot be read" in error_of(fleet_of(sshd), ConnectError).title


class OtherServer(OpenSSHServer):
    """An sshd with lines of its own before the usual ones."""

    def __init__(self, folder, lines):
        self._lines = lines
        super().__init__(folder)

    def _config(self, *arguments):
        return self._lines + super()._config(*arguments)


def test_hooks_have_the_variables_and_the_agent_that_ssh_config_gives(
    tmp_path, home, announce, agent, project_factory, engine, monkeypatch
):
    monkeypatch.setenv("APP_SENT", "from here")
    with OtherServer(tmp_path / "server", "AcceptEnv APP_*\n") as server:
        place = announce(server.place(tmp_path / "roots", "web"))
        agent(server.key)
        config = home / ".ssh/config"
        config.write_text(config.read_text() + "    SendEnv APP_*\n    SetEnv APP_SET=there\n    ForwardAgent yes\n")
        hook = f'echo "$APP_SENT, $APP_SET" > {place.files}/seen; ssh-add -L >> {place.files}/seen'
        project = project_factory([place], extra=f'[[hooks]]\non = "after-switch"\nrun = {hook!r}\n')
        engine(project).deploy()
    seen = (place.files / "seen").read_text().splitlines()
    assert seen[0] == "from here, there"
    assert seen[1].split()[:2] == server.key.with_suffix(".pub").read_text().split()[:2]


def test_compression_is_used_where_it_is_asked_for(sshd, home, fleet_of):
    config = home / ".ssh/config"
    config.write_text(config.read_text() + "    Compression yes\n")
    fleet = fleet_of(sshd)
    works(fleet)
    assert fleet.session(sshd.alias).connection.transport.local_compression == "zlib@openssh.com"


def test_a_configuration_that_was_corrected_counts_for_the_next_look(sshd, home, fleet_of):
    """Also the gateway's: the dashboard goes on with the fleet that it has."""
    config = home / ".ssh/config"
    good = config.read_text()
    fleet = fleet_of(sshd)
    config.write_text(good.replace(f"Port {sshd.port}", f"Port {free_port()}"))
    error_of(fleet, ConnectError)
    config.write_text(f"{good}    ProxyJump gate\nHost gate\n    HostName 127.0.0.1\n    Port {free_port()}\n")
    assert "the gateway" in error_of(fleet, ConnectError).title
    gate = sshd.server.ssh_config("gate", known_hosts=home / ".ssh/known_hosts")
    config.write_text(f"{good}    ProxyJump gate\n{gate}")
    works(fleet)


def test_a_host_key_that_is_too_short_is_refused(tmp_path, home, fleet_of, announce):
    rsa = tmp_path / "rsa"
    subprocess.run([need("ssh-keygen"), "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(rsa)], check=True)
    with OtherServer(tmp_path / "server", f"HostKey {rsa}\n") as server:
        place = announce(server.place(tmp_path / "roots", "web"))
        key = " ".join(rsa.with_suffix(".pub").read_text().split()[:2])
        (home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{server.port} {key}\n")
        works(fleet_of(place))
        config = home / ".ssh/config"
        config.write_text(config.read_text() + "    RequiredRSASize 3072\n")
        error = error_of(fleet_of(place), ConnectError)
    assert error.title == "the host key has 2048 bits: too few" and "3072" in error.detail


@pytest.mark.parametrize("shell", ["", "busybox"])
@pytest.mark.parametrize("yes", [False, True])
def test_a_long_way_changes_nothing_but_the_round_trips(
    sshd, shell_server, home, project_factory, engine, monkeypatch, shell, yes
):
    """The login is padded, requests are compressed and files pass; or all is compressed, as ssh_config says."""
    place = shell_server(shell) if shell else sshd
    monkeypatch.setattr(transport, "FAR", 0.0)
    monkeypatch.setattr(transport, "NEAR", 0.0)
    config = home / ".ssh/config"
    config.write_text(f"{config.read_text()}\nHost *\n    Compression {'yes' if yes else 'no'}\n")
    files = {f"page{number}": b"the same words, again\n" * 900 for number in range(20)}
    files["noise"] = os.urandom(1 << 20)
    operator = engine(project_factory([place], files=files))
    operator.deploy(tag="r1")
    connected = operator.fleet.session(place.alias).connection.transport
    assert connected.local_compression in ("zlib@openssh.com", *(["none"] if shell else []))
    assert yes or connected.remote_compression == "none"
    for path, content in files.items():
        assert (place.files / "current" / path).read_bytes() == content


@pytest.mark.parametrize(("yes", "wanted"), [(False, "none"), (True, "zlib@openssh.com")])
def test_nothing_is_compressed_on_a_short_way_unless_ssh_config_says_so(sshd, home, fleet_of, monkeypatch, yes, wanted):
    monkeypatch.setattr(transport, "NEAR", 60.0)
    config = home / ".ssh/config"
    config.write_text(f"{config.read_text()}\nHost *\n    Compression {'yes' if yes else 'no'}\n")
    fleet = fleet_of(sshd)
    works(fleet)
    connected = fleet.session(sshd.alias).connection.transport
    assert (connected.local_compression, connected.remote_compression) == (wanted, wanted)
