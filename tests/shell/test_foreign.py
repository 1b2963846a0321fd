"""What an inspection says of other tools' files: all that core.adoption reads, nothing that is not a small file."""

from __future__ import annotations

import os

import pytest

from core.text import decode_path
from tests.shell.test_locking import BEGIN, TOKEN, begun


@pytest.fixture
def foreign(root):
    """A root that Deployer left, with the releases 10 to 12."""
    for tag in ("10", "11", "12"):
        (root / "releases" / tag).mkdir(parents=True)
        (root / "releases" / tag / "REVISION").write_text(f"75b69f{tag[-1]}\nmore\n")
    (root / "releases/11/BAD_RELEASE").write_text("x")
    (root / ".dep").mkdir()
    (root / ".dep/releases_log").write_text('{"release_name":"12"}\n')
    (root / "current").symlink_to("releases/12")
    return root


def test_marks_revisions_logs_and_signs_are_sent(agent, foreign):
    said = agent.done("state")
    assert said.of("marked") == ["BAD_RELEASE 11"]
    assert sorted(said.of("revision")) == [f"releases/1{n}/REVISION:75b69f{n}" for n in "012"]
    assert said.of("log") == ['.dep/releases_log {"release_name":"12"}']
    assert ".dep" in said.of("sign")


def test_nothing_is_read_where_every_release_has_a_record(agent, foreign):
    (foreign / ".turnout/records").mkdir(parents=True)
    for tag in ("10", "11", "12"):
        (foreign / f".turnout/records/{tag}.toml").write_text(f'tag = "{tag}"\nseq = 1\n')
    said = agent.done("state")
    assert not {"marked", "revision", "log", "sign"} & said.words


def test_what_is_no_small_file_is_not_read(agent, foreign):
    os.mkfifo(foreign / "releases/fifo-REVISION")
    for tag in ("fifo", "link", "huge"):
        (foreign / "releases" / tag).mkdir()
    os.mkfifo(foreign / "releases/fifo/REVISION")
    (foreign / "releases/link/REVISION").symlink_to("/etc/passwd")
    with (foreign / "releases/huge/REVISION").open("wb") as file:
        file.truncate(1 << 32)
    (foreign / ".dep/releases_log").unlink()
    os.mkfifo(foreign / ".dep/releases_log")
    os.mkfifo(foreign / ".dep/deploy.lock")
    said = agent.done("state")
    assert {line.split("/")[1] for line in said.of("revision")} == {"10", "11", "12"}
    assert not {"log", "their-lock"} & said.words


@pytest.mark.parametrize("absolute", [True, False])
def test_what_another_link_serves_is_a_deploy_root_for_what_lies_in_it(start, tmp_path, absolute):
    outer, own = tmp_path / "outer", tmp_path / "own"
    for served in (outer, own / "shared/blog"):
        (served / "releases/2").mkdir(parents=True)
        (served / "live").symlink_to(served / "releases/2" if absolute else "releases/2")
    (outer / "shared/blog").mkdir(parents=True)
    (outer / "www/blog").mkdir(parents=True)
    assert start(outer / "shared/blog").done("state").of("outer") == [str(outer)]
    assert start(outer / "www/blog").done("state").of("outer") == [], "downloads look so, too"
    refused = start(own).ask(*BEGIN)
    assert refused.status == 5 and f"holds another deploy root, {own}/shared/blog" in "\n".join(refused.lines)
    (own / "shared/blog/live").unlink()
    start(own).done(*BEGIN)


def test_a_lock_of_another_tool_is_named_also_where_nothing_else_is(agent, root):
    begun(agent)
    (root / "deploy.lock").touch()
    assert [line.split()[0] for line in agent.done("state").of("their-lock")] == ["deploy.lock"]


def test_a_cache_that_we_did_not_fill_is_called_so_until_a_person_takes_it_over(agent, root):
    (root / "deploy-cache").mkdir(parents=True)
    (root / "deploy-cache/index.html").write_text("buddy")
    assert "cache-foreign" in agent.done("state").words
    begun(agent)
    assert "cache-foreign" in agent.done("state").words
    agent.done("own", TOKEN, "yes")
    assert "cache-foreign" not in agent.done("state").words
    agent.done("own", TOKEN, "no")
    assert "cache-foreign" in agent.done("state").words
    (root / ".turnout/manifests/r1.manifest").write_text("")
    assert "cache-foreign" not in agent.done("state").words, "one of an earlier version, whose manifest was lost"


def test_what_the_live_release_has_of_a_shared_path_is_found(agent, foreign):
    (foreign / ".env").write_text("A=1\n")
    (foreign / "releases/12/.env").symlink_to("../../.env")
    (foreign / "releases/12/storage").mkdir()
    (foreign / "releases/11/logs").mkdir()
    said = agent.done("state", ".env", "storage/", "logs/").of("shared-elsewhere")
    assert said == [f".env {foreign}/.env", f"storage {foreign}/releases/12/storage"]
    (foreign / "shared").mkdir()
    (foreign / "shared/.env").write_text("A=1\n")
    assert agent.done("state", ".env").of("shared-elsewhere") == []


def test_what_the_live_release_of_another_tool_shares_is_found(agent, foreign):
    live = foreign / "releases/12"
    for folder in ("storage/app", "public/up loads/a/b", "logs", "other/deep", "of shared"):
        (foreign / "shared" / folder).mkdir(parents=True)
    for name in (".env", "lost"):
        (foreign / "shared" / name).write_text("")
    (live / "public").mkdir()
    (live / "other").mkdir()
    for path, target in {
        ".env": "../../shared/.env",
        "storage": f"{foreign}/shared/storage",
        "public/up loads": "../../../shared/public/up loads",
        "logs": "../../shared/storage",
        "lost": "../../shared/gone",
        "other/deep": "/etc",
    }.items():
        (live / path).symlink_to(target)
    said = agent.done("state").of("shared-linked")
    assert sorted(map(decode_path, said)) == [b".env", b"public/up loads/", b"storage/"]
    (foreign / ".turnout/records").mkdir(parents=True)
    (foreign / ".turnout/records/12.toml").write_text("")
    assert len(agent.done("state").of("shared-linked")) == 3, "one that was adopted is another tool's all the same"
    (foreign / ".turnout/manifests").mkdir()
    (foreign / ".turnout/manifests/12.manifest").write_text("")
    assert agent.done("state").of("shared-linked") == []


def test_revision_is_left_in_a_release_that_has_none(agent, root):
    begun(agent)
    made = root / ".turnout/incoming/r1"
    made.mkdir()
    agent.done("revision", TOKEN, "r1", "75b69f\n")
    assert (made / "REVISION").read_text() == "75b69f\n"
    agent.done("revision", TOKEN, "r1", "another\n")
    assert (made / "REVISION").read_text() == "75b69f\n"
    (made / "REVISION").unlink()
    (made / "REVISION").symlink_to("nothing")
    agent.done("revision", TOKEN, "r1", "another\n")
    assert os.listdir(made) == ["REVISION"]
    refused = agent.ask("revision", TOKEN, "r2", "75b69f\n")
    assert refused.status == 1 and "cannot write REVISION" in refused.lines[-1]


def test_a_line_is_added_to_a_log_of_another_tool(agent, root):
    begun(agent)
    for file in ("revisions.log", ".dep/releases_log"):
        for line in ("it's 1", '{"a": "\\2"}'):
            agent.done("append", TOKEN, file, line)
        assert (root / file).read_text() == 'it\'s 1\n{"a": "\\2"}\n'


@pytest.mark.parametrize("file", ["current", "../revisions.log", ".dep/../x", ".dep/deploy.lock", ""])
def test_a_line_is_added_to_nothing_else(agent, root, file):
    begun(agent)
    refused = agent.ask("append", TOKEN, file, "a line")
    assert (refused.status, refused.lines) == (1, [f"not a log of another tool: {file}"])


@pytest.mark.parametrize("planted", ["revisions.log", ".dep", ".dep/releases_log"])
@pytest.mark.parametrize("kind", ["link", "dangling", "fifo"])
def test_no_line_is_added_through_a_link_or_to_what_is_no_file(agent, root, tmp_path, planted, kind):
    begun(agent)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("precious\n")
    place = root / planted
    place.parent.mkdir(exist_ok=True)
    if kind == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to(
            outside / "missing" if kind == "dangling" else outside if planted == ".dep" else outside / "file"
        )
    refused = agent.ask("append", TOKEN, ".dep/releases_log" if planted == ".dep" else planted, "a line")
    assert refused.status == 1, refused
    assert os.listdir(outside) == ["file"] and (outside / "file").read_text() == "precious\n"
