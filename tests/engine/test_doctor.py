"""`turnout doctor` on good and bad servers."""

from __future__ import annotations

import os

import pytest

from core.doctor import ERROR, OK, WARNING, examine
from core.records import Lock
from tests.engine.driving import at_rest, snapshot


def finding_on(operator, topic):
    (findings,) = examine(operator.fleet).values()
    return next(finding for finding in findings if finding.topic == topic)


@pytest.mark.parametrize("kind", ["bash", "fish", "busybox"])
def test_a_good_server_has_nothing_to_complain_of_and_stays_as_it_is(shell_server, project_factory, engine, kind):
    place = shell_server(kind)
    operator = engine(project_factory([place]))
    operator.deploy(tag="r1")
    at_rest([place])
    before = snapshot(place.files)
    (findings,) = examine(operator.fleet).values()
    assert [finding for finding in findings if finding.level == ERROR] == []
    assert {"host key", "login", "deploy root", "current", "switch", "tar", "space", "clock"} <= {
        finding.topic for finding in findings
    }
    assert finding_on(operator, "switch").text == "one rename, by mv -T"
    assert "r1" in finding_on(operator, "current").text
    assert "as root" in finding_on(operator, "login").text or os.getuid() != 0
    assert snapshot(place.files) == before


def test_a_fresh_root_and_one_that_is_not_there_yet_are_fine(sshd, project_factory, engine):
    operator = engine(project_factory([sshd]))
    assert finding_on(operator, "current").level == OK
    sshd.files.rmdir()
    assert (
        finding_on(operator, "deploy root").level == OK
        and "does not exist yet" in finding_on(operator, "deploy root").text
    )
    assert not sshd.files.exists()


def test_a_root_that_cannot_be_made_is_an_error_with_the_way_out(sshd, project_factory, engine):
    if os.getuid() == 0:
        # Permissions stop root nowhere; a file where the folder should be does.
        sshd.files.rmdir()
        sshd.files.write_text("in the way")
    else:
        sshd.files.parent.chmod(0o500)
    operator = engine(project_factory([sshd]))
    finding = finding_on(operator, "deploy root")
    assert finding.level == ERROR and finding.hint
    operator.fails(operator.deploy)


@pytest.mark.tidy_login  # a person runs the hint
def test_current_that_is_a_folder_is_an_error_and_the_hint_adopts_it(sshd, project_factory, engine):
    (sshd.files / "current").mkdir()
    (sshd.files / "current/page").write_text("by hand")
    operator = engine(project_factory([sshd]))
    finding = finding_on(operator, "current")
    assert finding.level == ERROR
    assert sshd.server.run(finding.hint).returncode == 0
    assert finding_on(operator, "current").level == OK
    operator.deploy(tag="r1")
    assert operator.rollback().tag == "before-turnout"
    assert (sshd.files / "current/page").read_text() == "by hand"


@pytest.mark.parametrize(
    ("target", "word"),
    [
        ("releases/gone", "which does not exist"),
        ("/etc", "outside releases/"),
        ("/dev/null", "which cannot be entered"),
        ("releases/gone/index.html", "which does not exist"),
    ],
)
def test_current_that_leads_to_nowhere_or_elsewhere_is_a_warning(sshd, project_factory, engine, target, word):
    os.symlink(target, sshd.files / "current")
    operator = engine(project_factory([sshd]))
    finding = finding_on(operator, "current")
    assert (finding.level, word in finding.text) == (WARNING, True)


def test_missing_shared_paths_are_named(sshd, project_factory, engine):
    operator = engine(project_factory([sshd], deploy={"shared": ["storage/", "conf/.env é"]}))
    (findings,) = examine(operator.fleet).values()
    texts = [finding.text for finding in findings if finding.topic == "shared"]
    assert texts == ["shared/storage/ does not exist yet", "shared/conf/.env é does not exist yet"]


def test_a_record_that_cannot_be_read_is_named_and_spoils_nothing_else(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    operator.deploy(tag="r1")
    (sshd.files / ".turnout/records/broken.toml").write_bytes(b"\xff\x00 no = toml [")
    (sshd.files / ".turnout/records/r1.toml").write_text("tag = 3\n")
    (findings,) = examine(operator.fleet).values()
    records = [finding.text for finding in findings if finding.topic == "records"]
    assert any("broken" in text for text in records) and any("r1" in text for text in records)
    project.commit({"index.html": "two\n"})
    operator.deploy(tag="r2")
    assert (sshd.files / "current/index.html").read_text() == "two\n"


def test_a_server_with_a_running_operation_is_reported(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator, other = engine(project), engine(project)
    other.fleet.open(sshd.alias).begin("a" * 32, Lock(kind="deploy", who="ana@desk"))
    finding = finding_on(operator, "lock")
    assert finding.level == WARNING and "ana@desk" in finding.text


def test_servers_that_cannot_be_asked_are_reported_beside_those_that_can(servers, project_factory, engine, home):
    fleet = servers(3, separate=True)
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace(f"Port {fleet[1].port}\n", "Port 1\n"))
    known_hosts = home / ".ssh/known_hosts"
    known_hosts.write_text(known_hosts.read_text().replace(fleet[2].server.known_hosts_line(), ""))
    all_found = examine(engine(project_factory(fleet)).fleet)
    assert list(all_found) == ["web1", "web2", "web3"]
    assert not [finding for finding in all_found["web1"] if finding.level == ERROR]
    assert [(finding.topic, finding.level) for finding in all_found["web2"]] == [("connection", ERROR)]
    assert "SHA256:" in all_found["web3"][0].text and all_found["web3"][0].level == ERROR


def test_a_program_that_does_not_unpack_what_a_deploy_sends_is_named(shell_server, project_factory, engine):
    """A deploy takes zstd wherever there is a program of that name."""
    place = shell_server("busybox")
    program = place.server.local("/usr/bin/zstd")
    operator = engine(project_factory([place]))
    assert "compressed with gzip" in finding_on(operator, "upload").text
    program.write_text("#!/bin/sh\necho a tool for time zones\n")
    program.chmod(0o755)
    operator = engine(project_factory([place]))
    finding = finding_on(operator, "upload")
    program.unlink()
    assert finding.level == ERROR
    assert "is zstd there what it should be?" in finding.hint
