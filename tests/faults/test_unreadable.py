"""What is there and cannot be read is unknown, and never taken for empty: no file that was deleted goes live again."""

from __future__ import annotations

import os

import pytest

from core import DeployRequest
from core.errors import FleetError, ServerError
from core.jobs import Cancel
from core.operations.verify import verify
from core.remote.launch import script
from tests.busybox import DropbearServer
from tests.waiting import until

FIRST = {"index.html": "1\n", "debug.log": "secret\n", "folder/old": "1\n", "folder/kept": "1\n", "z": "1\n"}
SECOND = {"index.html": "2\n", "debug.log": None, "folder/old": None}


@pytest.fixture
def place(request, sshd):
    """A server; by its name with an indirect parameter."""
    busybox = getattr(request, "param", "own") == "busybox"
    return request.getfixturevalue("shell_server")("busybox") if busybox else sshd


@pytest.fixture
def facts(place, project_factory, truth, monkeypatch, tmp_path):
    """A server with one release, and an operator who has no manifest of it; the next revision has fewer files."""
    deployed = truth(project_factory([place], files=FIRST), [place])
    deployed.do(DeployRequest(tag="one"))
    monkeypatch.setenv("TURNOUT_CACHE_DIR", str(tmp_path / "another-operator"))
    facts = truth(deployed.sample, [place])
    facts.sample.commit(SECOND)
    return facts


def lines(raw: bytes) -> list[bytes]:
    return raw.splitlines(keepends=True)


DAMAGE = {
    "garbage": lambda raw: b"\x00\xff" * 300,
    "empty": lambda raw: b"",
    "one newline": lambda raw: b"\n",
    "cut in a line": lambda raw: raw[: len(raw) // 2],
    "cut at the end of a line": lambda raw: b"".join(lines(raw)[:2]),
    "cut by its last newline": lambda raw: raw[:-1],
    "another order": lambda raw: b"".join(reversed(lines(raw))),
    "a line twice": lambda raw: raw + lines(raw)[-1],
    "carriage returns": lambda raw: raw.replace(b"\n", b"\r\n"),
    "a NUL": lambda raw: raw.replace(b"debug.log", b"debug\0log"),
    "a path that leads out": lambda raw: raw.replace(b"debug.log", b"../../x.log"),
    "a file less": lambda raw: b"".join(line for line in lines(raw) if b"debug.log" not in line),
}


@pytest.mark.parametrize(
    ("damage", "place"), [*((damage, "own") for damage in DAMAGE), ("a file less", "busybox")], indirect=["place"]
)
def test_a_damaged_manifest_of_the_cache_puts_no_deleted_file_live(facts, place, damage):
    path = place.files / ".turnout/cache.manifest"
    raw = path.read_bytes()
    path.unlink()  # the release's own manifest is the same file
    path.write_bytes(DAMAGE[damage](raw))
    facts.do(DeployRequest(tag="two"))
    assert facts.live() == ["two"]
    facts.complete()


@pytest.mark.parametrize("noted", [None, "", "0" * 64, "\0"])
def test_a_manifest_without_the_digest_that_was_noted_with_it_is_not_believed(facts, place, noted):
    path = place.files / ".turnout/cache.digest"
    path.unlink()
    if noted is not None:
        path.write_text(noted)
    facts.do(DeployRequest(tag="two"))
    facts.complete()


def vouch_for_what_is_there(place):
    """Note the traces of the cache as it is now, as the agent does after an upload."""
    start = "own=.turnout LC_ALL=C\nexport LC_ALL\nsay() { printf '%s\\n' \"$*\"; }\n"
    (place.files / "look").write_text(f'{start}{script("process.sh")}{script("listing.sh")}\ntraces && say "$trace"\n')
    said = place.server.run(f"cd {place.root} && sh look").stdout.decode().strip()
    assert said
    noted = place.files / ".turnout/cache.digest"
    noted.write_text(f"{noted.read_text().split()[0]} {said}\n")


@pytest.mark.tidy_login  # the test's own commands run in it
@pytest.mark.parametrize("place", ["own", "busybox"], indirect=True)
def test_a_cache_that_is_damaged_with_its_digest_is_found_out_before_the_release_has_its_name(facts, place):
    """Whatever was believed of the cache, the copy of it is compared with what was to be sent."""
    cache = place.files / "deploy-cache"
    for name in ("debug.log", "folder/old"):
        (place.files / "kept" / name).parent.mkdir(parents=True, exist_ok=True)
        os.rename(cache / name, place.files / "kept" / name)
    facts.do(DeployRequest(tag="two"))
    for name in ("debug.log", "folder/old"):
        os.rename(place.files / "kept" / name, cache / name)
    (cache / "index.html").chmod(0o755)
    (cache / "z").unlink()
    (cache / "z").symlink_to("index.html")
    vouch_for_what_is_there(place)
    facts.sample.commit({"folder/kept": "3\n"})
    with pytest.raises(FleetError) as raised:
        facts.do(DeployRequest(tag="three"))
    error = raised.value.errors[place.alias]
    assert isinstance(error, ServerError)
    messages = error.detail.splitlines()
    assert messages[:3] == [
        "index.html is not what was sent",
        "z is not what was sent",
        "debug.log does not belong there",
    ]
    assert messages[3:] == ["and 1 other difference"]
    assert facts.live() == ["two"]
    assert not (place.files / "releases/three").exists()
    facts.do(DeployRequest(tag="three"))
    until(facts.swept, "the agent to sweep")
    facts.complete()
    assert facts.live() == ["three"]


def test_a_server_without_a_program_for_checksums_gets_everything_each_time(tmp_path, announce, project_factory, truth):
    with DropbearServer(tmp_path / "bare") as server:
        for name in ("sha256sum", "shasum", "openssl"):
            for folder in ("bin", "usr/bin", "sbin", "usr/sbin"):
                (server.tree / folder / name).unlink(missing_ok=True)
        assert server.run("command -v sha256sum || echo none").stdout == b"none\n"
        place = announce(server.place(tmp_path, "bare"))
        facts = truth(project_factory([place], files=FIRST), [place])
        facts.do(DeployRequest(tag="one"))
        facts.sample.commit(SECOND)
        facts.do(DeployRequest(tag="two"))
        facts.complete()
        # What the copy holds is compared all the same.
        os.rename(place.files / "deploy-cache", place.files / "other")
        (place.files / "deploy-cache").mkdir()
        facts.do(DeployRequest(tag="three"))
        facts.complete()
        facts.close()


def test_a_cache_that_is_closed_to_others_makes_no_closed_release(facts, place):
    """`chmod 700 deploy-cache` is sensible: it is a copy of everything. What serves the release has another user."""
    (place.files / "deploy-cache").chmod(0o700)
    facts.do(DeployRequest(tag="two"))
    assert (place.files / "current").stat().st_mode & 0o777 == 0o755
    assert (place.files / "deploy-cache").stat().st_mode & 0o777 == 0o700
    facts.complete()


def test_a_manifest_that_is_not_a_file_is_not_waited_for(facts, place):
    manifest = place.files / ".turnout/manifests/one.manifest"
    manifest.unlink()
    os.mkfifo(manifest)
    fleet = facts.fleet()
    try:
        verification = verify(fleet, "one", Cancel())
    finally:
        fleet.close()
        manifest.unlink()
    assert "is not a file" in str(verification.errors[place.alias])
