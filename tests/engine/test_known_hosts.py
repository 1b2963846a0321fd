"""known_hosts means to Turnout what it means to OpenSSH's own client, and a key that is refused is refused for good."""

import os
import subprocess

import pytest

from core.errors import ConnectError, HostKeyChanged, HostKeyRevoked, HostKeyUnknown
from core.remote.knownhosts import KnownHosts
from core.sshconfig import Book, Target
from tests.engine.commands import turnout, turnout_json
from tests.engine.test_connecting import error_of, fingerprint, forget
from tests.servers import need, new_key, public_key


@pytest.fixture
def lines(sshd, tmp_path):
    """Make known_hosts of templates: NAME is the host with its port, OURS the server's key, OTHER and RSA others'."""
    other = public_key(new_key(tmp_path / "other"))
    rsa = tmp_path / "rsa"
    subprocess.run([need("ssh-keygen"), "-q", "-t", "rsa", "-N", "", "-f", str(rsa)], check=True)
    values = {"NAME": f"[127.0.0.1]:{sshd.port}", "OURS": sshd.server.host_key, "OTHER": other, "RSA": public_key(rsa)}

    def make(*templates):
        text = "".join(f"{template}\n" for template in templates)
        for word, value in values.items():
            text = text.replace(word, value)
        return text

    return make


def openssh_trusts(home, sshd) -> bool:
    """Whether OpenSSH's own client, with the same configuration, connects."""
    options = ("BatchMode=yes", "StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null", "ConnectTimeout=20")
    words = [need("ssh"), "-T", "-F", str(home / ".ssh/config"), *(f"-o{option}" for option in options), sshd.alias]
    return subprocess.run([*words, "true"], capture_output=True, timeout=60, check=False).returncode == 0


CASES = {
    "two keys of a type, ours last": (["NAME OTHER", "NAME OURS"], None),
    "two keys of a type, ours first": (["NAME OURS", "NAME OTHER"], None),
    "several types": (["NAME RSA", "NAME OURS"], None),
    "another key": (["NAME OTHER"], HostKeyChanged),
    "a key of a type that it has not": (["NAME RSA"], HostKeyChanged),
    "the host without its port": (["127.0.0.1 OURS"], None),
    "the host without its port, another key": (["127.0.0.1 OTHER"], HostKeyUnknown),
    "another key with the port, ours without": (["NAME OTHER", "127.0.0.1 OURS"], HostKeyChanged),
    "revoked": (["@revoked NAME OURS"], HostKeyRevoked),
    "revoked and recorded": (["NAME OURS", "@revoked * OURS"], HostKeyRevoked),
    "revoked, many spaces": (["  @revoked   *\tOURS"], HostKeyRevoked),
    "all but the host with its port": (["*,!NAME OURS"], None),
    "all but the host": (["*,!NAME,!127.0.0.1 OURS"], HostKeyUnknown),
    "another key revoked": (["@revoked * OTHER", "NAME OURS"], None),
    "revoked and recorded without the port": (["@revoked 127.0.0.1 OURS", "127.0.0.1 OURS"], HostKeyRevoked),
    "an authority": (["@cert-authority * OURS"], HostKeyUnknown),
    "an authority and a key": (["@cert-authority * OTHER", "NAME OURS"], None),
    "in a comment, behind a form feed": (["# old\x0cNAME OURS", "x OTHER \u2028NAME OURS"], HostKeyUnknown),
    "words that no space parts": (["NAME\u00a0OURS"], HostKeyUnknown),
    "other hosts": (["[127.0.0.1]:1 OTHER", "example.com OTHER", "@revoked example.com OURS"], HostKeyUnknown),
}


@pytest.mark.parametrize("case", CASES)
def test_a_line_means_what_it_means_to_openssh(sshd, home, fleet_of, lines, case):
    templates, expected = CASES[case]
    known_hosts = forget(home, sshd)
    known_hosts.write_text(lines(*templates))
    assert openssh_trusts(home, sshd) is (expected is None)
    errors = fleet_of(sshd).inspect().errors
    assert [type(error) for error in errors.values()] == ([expected] if expected else [])
    assert known_hosts.read_text() == lines(*templates)


def test_hashed_names_of_any_case_are_found(sshd, home, fleet_of, lines):
    known_hosts = forget(home, sshd)
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace("HostName 127.0.0.1", "HostName LocalHost"))
    known_hosts.write_text(lines("@revoked other OTHER", f"[LOCALHOST]:{sshd.port} OURS"))
    subprocess.run([need("ssh-keygen"), "-q", "-H", "-f", str(known_hosts)], check=True, capture_output=True)
    assert "LOCALHOST" not in known_hosts.read_text()
    assert openssh_trusts(home, sshd)
    assert not fleet_of(sshd).inspect().errors
    known_hosts.write_text(known_hosts.read_text() + lines(f"@revoked [localhost]:{sshd.port} OURS"))
    error_of(fleet_of(sshd), HostKeyRevoked)


@pytest.mark.parametrize(("name", "trusted"), [("web-key", True), ("NAME", False), ("127.0.0.1", False)])
def test_a_host_key_alias_is_the_only_name(sshd, home, fleet_of, lines, name, trusted):
    known_hosts = forget(home, sshd)
    config = home / ".ssh/config"
    config.write_text(config.read_text() + "    HostKeyAlias Web-Key\n")
    known_hosts.write_text(lines(f"{name} OURS"))
    assert openssh_trusts(home, sshd) is trusted
    fleet = fleet_of(sshd)
    if trusted:
        assert not fleet.inspect().errors
    else:
        error = error_of(fleet, HostKeyUnknown)
        assert error.host == "web-key"
        fleet.accept_host_key(error)
        assert known_hosts.read_text().endswith(f"web-key {sshd.server.host_key}\n")
        assert openssh_trusts(home, sshd) and not fleet.inspect().errors


def test_a_revoked_key_is_reported_with_its_line_and_never_recorded(sshd, home, project_factory, lines):
    known_hosts = forget(home, sshd)
    known_hosts.write_text(lines("# mine", "@revoked * OURS"))
    project = project_factory([sshd])
    shown = fingerprint(sshd.server.host_key)
    ended = turnout(project, "trust", "production", "--yes")
    assert ended.returncode == 3, ended.stderr
    assert "REFUSED: it is revoked" in ended.stdout and "1 key refused: revoked" in ended.stderr
    assert f"[127.0.0.1]:{sshd.port} shows {shown}" in ended.stderr
    assert f"revoked in {known_hosts}, line 2" in ended.stderr
    assert known_hosts.read_text() == lines("# mine", "@revoked * OURS")
    code, rows = turnout_json(project, "trust", "production", "--yes")
    assert code == 3
    assert rows[0] == {
        "event": "host-key",
        "format": 1,
        "servers": [sshd.alias],
        "host": f"[127.0.0.1]:{sshd.port}",
        "type": "ssh-ed25519",
        "fingerprint": shown,
        "standing": "revoked",
    }
    ended = turnout(project, "deploy", "production", "--yes")
    assert ended.returncode == 3 and "the host key is revoked" in ended.stderr
    assert not (sshd.files / "current").is_symlink()


def test_trust_records_only_keys_with_the_fingerprints_that_are_named(sshd, home, project_factory):
    known_hosts = forget(home, sshd)
    project = project_factory([sshd])
    ours = fingerprint(sshd.server.host_key)
    other = f"SHA256:{'A' * 43}"
    ended = turnout(project, "trust", "production", "--fingerprint", other)
    assert ended.returncode == 3 and "1 key not accepted; no --fingerprint is theirs" in ended.stderr
    assert not known_hosts.exists() or not known_hosts.read_text()
    ended = turnout(project, "trust", "production", "--fingerprint", other, f"--fingerprint={ours}=")
    assert ended.returncode == 0 and "1 key recorded" in ended.stdout, ended.stderr
    assert openssh_trusts(home, sshd)
    before = known_hosts.read_bytes()
    ended = turnout(project, "trust", "production", "--fingerprint", other)
    assert ended.returncode == 3 and "1 key known already, but no --fingerprint is theirs" in ended.stderr
    assert "REFUSED: known, but no --fingerprint is its own" in ended.stdout
    ended = turnout(project, "trust", "production", "--fingerprint", ours)
    assert ended.returncode == 0 and "1 key known already" in ended.stdout
    assert known_hosts.read_bytes() == before


@pytest.mark.parametrize("words", [["--yes", "--fingerprint", f"SHA256:{'A' * 43}"], ["--fingerprint", "MD5:aa:bb"]])
def test_what_is_not_a_fingerprint_or_needs_none_is_bad_usage(sshd, home, project_factory, words):
    ended = turnout(project_factory([sshd]), "trust", "production", *words)
    assert ended.returncode == 2 and "--fingerprint" in ended.stderr


def test_trust_lists_a_changed_key_with_what_is_shown(sshd, home, project_factory, lines):
    known_hosts = forget(home, sshd)
    known_hosts.write_text(lines("NAME OTHER"))
    code, rows = turnout_json(project_factory([sshd]), "trust", "production", "--yes")
    assert code == 3
    shown = fingerprint(sshd.server.host_key)
    assert (rows[0]["host"], rows[0]["type"]) == (f"[127.0.0.1]:{sshd.port}", "ssh-ed25519")
    assert (rows[0]["fingerprint"], rows[0]["standing"]) == (shown, "changed")
    assert known_hosts.read_text() == lines("NAME OTHER")


def test_where_an_authority_is_meant_it_is_said_that_certificates_are_not_taken(sshd, home, fleet_of, lines):
    known_hosts = forget(home, sshd)
    known_hosts.write_text(lines("@cert-authority * OTHER"))
    error = error_of(fleet_of(sshd), HostKeyUnknown)
    assert f"does not accept host certificates (@cert-authority in {known_hosts}, line 1)" in error.hint
    known_hosts.write_text(lines("@cert-authority *.example.com OTHER"))
    assert "certificate" not in error_of(fleet_of(sshd), HostKeyUnknown).hint


def test_a_known_hosts_that_cannot_be_written_is_reported(sshd, home, project_factory):
    known_hosts = forget(home, sshd)
    known_hosts.mkdir()
    ended = turnout(project_factory([sshd]), "trust", "production", "--yes")
    assert ended.returncode == 3
    assert f"the key cannot be recorded in {known_hosts}" in ended.stderr
    assert "Is a directory" in ended.stderr and "Traceback" not in ended.stderr
    known_hosts.rmdir()
    (home / "file").write_text("")
    (home / ".ssh/config").write_text(f"UserKnownHostsFile {home}/file/known_hosts\n")
    with pytest.raises(ConnectError, match="cannot be recorded"):
        KnownHosts(Book(os.environ).look_up(Target("web"))).add("web ssh-rsa AAAA")
