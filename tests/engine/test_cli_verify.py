"""`turnout verify` and `turnout trust`: what is on the servers, and who they are."""

import pytest

from tests.engine.commands import COMMAND, turnout, turnout_json
from tests.terminal import Terminal


@pytest.fixture
def deployed(pair, project_factory):
    project = project_factory(pair, files={"a": "a\n", "b": "b\n", "odd\nname": "c\n"}, deploy={"shared": ["log/"]})
    assert turnout(project, "deploy", "production", "--tag", "one", "--yes").returncode == 0
    return project


def test_verify_says_as_deployed(deployed):
    ended = turnout(deployed, "verify", "production")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "✓ web1  as deployed",
        "✓ web2  as deployed",
        "one: all 2 servers as deployed",
    ]
    assert turnout(deployed, "verify", "production", "one").returncode == 0


def test_verify_lists_what_drifted_where(deployed, pair):
    (pair[1].files / "current/a").write_text("changed\n")
    (pair[1].files / "current/b").unlink()
    (pair[1].files / "current/tab\there").write_text("new\n")
    (pair[1].files / "current/log/today").write_text("shared paths are the application's own\n")
    ended = turnout(deployed, "verify", "production")
    assert ended.returncode == 1
    assert ended.stdout.splitlines() == [
        "✓ web1  as deployed",
        "! web2  1 changed, 1 added, 1 removed",
        "    ~ changed  a",
        r"    + added    tab\there",
        "    - removed  b",
    ]
    assert "one: 1 server drifted" in ended.stderr
    code, lines = turnout_json(deployed, "verify", "production")
    assert code == 1
    assert lines[1]["server"] == "web2" and lines[1]["changed"] == ["a"] and lines[1]["removed"] == ["b"]
    assert lines[-1]["outcome"] == "drift"


def test_verify_lists_at_most_fifty_paths_of_a_server(deployed, pair):
    for number in range(60):
        (pair[0].files / f"current/new{number:02}").write_text("")
    ended = turnout(deployed, "verify", "production")
    assert ended.returncode == 1
    assert ended.stdout.count("+ added    new") == 50
    assert "and 10 more; `turnout verify --json` lists all" in ended.stdout
    _, lines = turnout_json(deployed, "verify", "production")
    assert len(lines[0]["added"]) == 60


def test_verify_ends_with_3_where_a_server_does_not_answer(deployed, home):
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace("Host web2\n", "Host web2\n    Port 1\n"))
    ended = turnout(deployed, "verify", "production")
    assert ended.returncode == 3
    assert "web1  as deployed" in ended.stdout and "web2" in ended.stderr


def test_verify_of_what_no_server_has_is_bad_usage(deployed):
    ended = turnout(deployed, "verify", "production", "nope")
    assert ended.returncode == 2
    assert 'there is no release "nope" in production' in ended.stderr


def test_trust_without_a_person_lists_the_keys_and_records_none(pair, project_factory, home):
    project = project_factory(pair)
    known_hosts = home / ".ssh/known_hosts"
    known_hosts.write_text("")
    ended = turnout(project, "trust", "production")
    assert ended.returncode == 3
    assert ended.stdout.startswith("web1, web2  [127.0.0.1]:") and "SHA256:" in ended.stdout
    assert ended.stdout.splitlines()[0].endswith("UNKNOWN")
    assert known_hosts.read_text() == ""


def test_trust_records_with_yes_and_says_what_is_known(pair, project_factory, home):
    project = project_factory(pair)
    known_hosts = home / ".ssh/known_hosts"
    known_hosts.write_text("")
    ended = turnout(project, "trust", "production", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert "recorded now" in ended.stdout and "1 key recorded" in ended.stdout
    assert pair[0].server.host_key.split()[1] in known_hosts.read_text()
    code, lines = turnout_json(project, "trust", "production")
    assert code == 0
    assert [(line["servers"], line["standing"]) for line in lines[:-1]] == [(["web1", "web2"], "known")]


def test_trust_asks_a_person_once(pair, project_factory, home):
    project = project_factory(pair)
    known_hosts = home / ".ssh/known_hosts"
    known_hosts.write_text("")
    for answer, code in (("y", 3), ("yes", 0)):
        with Terminal([*COMMAND, "trust", "production"], project.folder, columns=160) as terminal:
            terminal.expect("SHA256:")
            terminal.expect("Record this key permanently? [yes/N]")
            terminal.type(answer)
            assert terminal.end() == code, terminal.text
        assert bool(known_hosts.read_text()) == (code == 0)


def test_trust_refuses_a_changed_key_whatever_is_said(servers, project_factory, home):
    first, second = servers(2, separate=True)
    project = project_factory([first, second])
    known_hosts = home / ".ssh/known_hosts"
    stranger = first.server.known_hosts_line(second.server.port).strip()
    known_hosts.write_text(f"{stranger}\n")
    ended = turnout(project, "trust", "production", "--yes")
    assert ended.returncode == 3
    assert "REFUSED: it is not the recorded key" in ended.stdout and "recorded now" in ended.stdout
    assert ended.stderr.count("SHA256:") == 2, "the old and the new fingerprint"
    assert known_hosts.read_text().splitlines()[0] == stranger


def test_trust_records_the_keys_of_gateways_too(servers, project_factory, home):
    gateway, inner = servers(2, separate=True)
    project = project_factory([inner])
    text = project.config.read_text()
    assert 'host = "web2"' in text
    project.config.write_text(text.replace('host = "web2"', 'host = "web2"\ngateway = "web1"'))
    (home / ".ssh/known_hosts").write_text("")
    ended = turnout(project, "trust", "production", "--yes")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("recorded now") == 2
    assert f"[127.0.0.1]:{gateway.server.port}" in ended.stdout
    assert f"[127.0.0.1]:{inner.server.port}" in ended.stdout


def test_trust_says_which_server_it_did_not_reach(pair, project_factory, home):
    project = project_factory(pair)
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace("Host web2\n", "Host web2\n    Port 1\n"))
    ended = turnout(project, "trust", "production")
    assert ended.returncode == 3
    assert "NOT COMPARED" in ended.stdout and "known\n" in ended.stdout
