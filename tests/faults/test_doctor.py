"""What `turnout doctor` finds stands in a deploy's way, and what it calls clean lets a deploy through."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from core.doctor import ERROR, WARNING, examine
from core.errors import NoChannel
from core.jobs import Cancel
from core.operations.verify import verify
from core.protocol.requests import Settles
from core.records import Lock
from core.remote.held import Held
from tests.engine.commands import turnout
from tests.engine.driving import Engine, at_rest, snapshot
from tests.obstacles import ORDINARY, ObstacleServer
from tests.servers import free_port, need, unavailable
from tests.waiting import until

HOOK = '[[hooks]]\non = "after-switch"\nrun = "true"\n'
SHARED = {"shared": ["storage/", "conf/app/.env"]}


@pytest.fixture(scope="module")
def place_for_others():
    """A folder that an ordinary user may go into."""
    folder = Path(tempfile.mkdtemp(prefix="turnout-obstacles-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def started(place_for_others):
    """Servers by their obstacle, each started once."""
    with ExitStack() as stack:
        servers = {}

        def start(name, **options):
            if name not in servers:
                servers[name] = stack.enter_context(ObstacleServer(place_for_others / name, **options))
                servers[name].folder.chmod(0o755)
            return servers[name]

        yield start


@pytest.fixture
def ordinary(started, place_for_others, announce):
    """A root that belongs to an ordinary user, who logs in."""
    server = started("ordinary", ordinary=True)
    place = announce(server.place(Path(tempfile.mkdtemp(dir=place_for_others)), "web"))
    place.files.parent.chmod(0o755)
    os.chown(place.files, server.uid, -1)
    return place


@pytest.fixture
def engine():
    made = []

    def make(project):
        made.append(Engine(project))
        return made[-1]

    yield make
    for operator in made:
        operator.fleet.close()


def findings(operator):
    (of_the_server,) = examine(operator.fleet).values()
    return of_the_server


def errors(operator):
    return [finding for finding in findings(operator) if finding.level == ERROR]


def the_error(operator, topic, *words):
    """The one error there is, with its topic, its words and a remedy."""
    (finding,) = errors(operator)
    assert finding.topic == topic, finding
    assert all(word in finding.text for word in words), finding
    assert finding.hint
    return finding


def closed_root(root):
    root.chmod(0o555)
    return lambda: root.chmod(0o755)


def closed_folder(name):
    def close(root):
        (root / name).chmod(0o555)
        return lambda: (root / name).chmod(0o755)

    return close


def closed_shared(root):
    shutil.rmtree(root / "shared/storage", ignore_errors=True)
    return closed_folder("shared")(root)


def others_file(name):
    def make(root):
        path = root / name
        path.chmod(0o600)
        os.chown(path, 0, 0)
        return lambda: os.chown(path, ORDINARY, ORDINARY)

    return make


def others_folder_in_the_cache(root):
    folder = root / "deploy-cache/css"
    os.chown(folder, 0, 0)
    return lambda: os.chown(folder, ORDINARY, ORDINARY)


def sticky_root(root):
    os.chown(root, 0, 0)
    root.chmod(0o1777)
    os.lchown(root / "current", 0, 0)
    return lambda: (
        os.lchown(root / "current", ORDINARY, ORDINARY),
        root.chmod(0o755),
        os.chown(root, ORDINARY, ORDINARY),
    )


def link_in_place(name):
    def make(root):
        (root / name).rename(root / f"{name}.away")
        (root / name).symlink_to(root / f"{name}.away")
        return lambda: ((root / name).unlink(), (root / f"{name}.away").rename(root / name))

    return make


OBSTACLES = [
    (closed_root, "deploy root", "is not writable: Permission denied"),
    (closed_folder(".turnout"), ".turnout", "Permission denied"),
    (closed_folder("releases"), "releases", "Permission denied"),
    (closed_folder("deploy-cache"), "deploy-cache", "not writable"),
    (closed_shared, "shared", "Permission denied"),
    (closed_folder(".turnout/records"), "records", "Permission denied"),
    (closed_folder(".turnout/manifests"), "manifests", "Permission denied"),
    (others_file(".turnout/journal.jsonl"), "journal.jsonl", "not writable"),
    (others_file(".turnout/transitions.jsonl"), "transitions.jsonl", "not writable"),
    (others_folder_in_the_cache, "deploy-cache/css", "not writable"),
    (sticky_root, "current", "sticky bit"),
    (link_in_place("releases"), "layout", "is a link"),
    (link_in_place(".turnout/records"), "layout", "is a link"),
]


def test_what_an_ordinary_user_cannot_change_is_named_and_stops_a_deploy(ordinary, project_factory, engine):
    if os.getuid():
        unavailable("only root can put what belongs to others in the way")
    project = project_factory([ordinary], files={"index.html": "one\n", "css/a.css": "a\n"}, deploy=SHARED)
    operator = engine(project)
    operator.deploy(tag="r1")
    at_rest([ordinary])
    for number, (obstacle, topic, words) in enumerate(OBSTACLES):
        project.commit({"index.html": f"{number}\n", "css/a.css": f"{number}\n"})
        undo = obstacle(ordinary.files)
        finding = the_error(operator, topic, words)
        assert "mv:" not in finding.text
        operator.fails(lambda: operator.deploy(tag="r2"))
        assert os.readlink(ordinary.files / "current") == "releases/r1", topic
        undo()
    assert errors(operator) == []
    operator.deploy(tag="r3")
    assert (ordinary.files / "current/index.html").read_text() == f"{number}\n"


@pytest.mark.parametrize(("most", "extra"), [(1, ""), (2, HOOK)], ids=["upload", "hook"])
def test_too_few_sessions_are_named(started, place_for_others, announce, project_factory, engine, most, extra):
    # As many as it asks for are enough.
    enough = started(f"sessions-{most + 1}", lines=f"MaxSessions {most + 1}")
    place = announce(enough.place(Path(tempfile.mkdtemp(dir=place_for_others)), "enough"))
    operator = engine(project_factory([place], extra=extra))
    assert errors(operator) == []
    operator.deploy(tag="r1")
    # The same root through another sshd. Where nothing differs from the cache, the upload's channel stays open unused.
    few = started(f"sessions-{most}", lines=f"MaxSessions {most}")
    through_few = announce(replace(place, server=few, alias="few", port=few.port))
    project = project_factory([through_few], {"index.html": "one\n" if extra else "two\n"}, extra=extra)
    finding = the_error(engine(project), "sessions", f"{most} of the {most + 1} sessions")
    assert f"MaxSessions {most + 1}" in finding.hint
    # Over a connection of its own: there the server may still count the channels that doctor has closed.
    operator = engine(project)
    error = operator.fails(lambda: operator.deploy(tag="r2"), NoChannel)
    assert "opened no channel" in error.title
    assert os.readlink(place.files / "current") == "releases/r1"


@pytest.mark.parametrize("line", ["ForceCommand /bin/false", "ForceCommand /bin/echo no commands here"])
def test_a_login_that_runs_no_commands_is_named(started, place_for_others, announce, project_factory, engine, line):
    server = started(line.replace(" ", "-").replace("/", "-"), lines=line)
    place = announce(server.place(Path(tempfile.mkdtemp(dir=place_for_others)), "web"))
    finding = the_error(engine(project_factory([place])), "connection")
    assert "login shell" in finding.text and "ForceCommand" in finding.hint


@pytest.mark.parametrize("line", ["AllowTcpForwarding no", "PermitOpen 127.0.0.1:1", "DisableForwarding yes"])
def test_forbidden_forwarding_is_named_where_http_checks_need_it(
    started, place_for_others, announce, project_factory, engine, line
):
    server = started(line.replace(" ", "-").replace(":", "-"), lines=line)
    place = announce(server.place(Path(tempfile.mkdtemp(dir=place_for_others)), "web"))
    port = free_port()
    check = f'[[checks]]\nhttp = "http://127.0.0.1:{port}/"\nattempts = 1\n'
    operator = engine(project_factory([place], extra=check))
    finding = the_error(operator, "checks", f"forbids forwarding to 127.0.0.1:{port}")
    assert "AllowTcpForwarding" in finding.hint
    operator = engine(project_factory([place]))
    assert errors(operator) == []


def test_a_check_that_nothing_answers_yet_is_a_warning(sshd, project_factory, engine):
    port = free_port()
    check = f'[[checks]]\nhttp = "http://127.0.0.1:{port}/health"\n'
    on_server = findings(engine(project_factory([sshd], extra=check)))
    (finding,) = [finding for finding in on_server if finding.topic == "checks"]
    assert finding.level == WARNING and f"127.0.0.1:{port}" in finding.text


@pytest.mark.parametrize(
    ("missing", "topic"), [("tar", "tar"), ("mv", "programs"), ("find", "programs"), ("cut", "programs")]
)
def test_missing_programs_are_named(started, place_for_others, announce, project_factory, engine, missing, topic):
    server = started(f"without-{missing}", without=missing)
    place = announce(server.place(Path(tempfile.mkdtemp(dir=place_for_others)), "web"))
    operator = engine(project_factory([place]))
    assert topic in [finding.topic for finding in errors(operator) if missing in finding.text]
    assert list(place.files.iterdir()) == []


@pytest.mark.parametrize("missing", ["comm", "gzip", "sync", "du", "stat", "od"])
def test_what_a_deploy_can_do_without_is_not_an_error(
    started, place_for_others, announce, project_factory, engine, missing
):
    server = started(f"without-{missing}", without=missing)
    place = announce(server.place(Path(tempfile.mkdtemp(dir=place_for_others)), "web"))
    operator = engine(project_factory([place], extra=HOOK))
    assert errors(operator) == []
    operator.deploy(tag="r1")
    assert (place.files / "current/index.html").read_text() == "one\n"


def test_a_verify_without_sha256sum_says_what_is_missing(started, place_for_others, announce, project_factory, engine):
    server = started("without-sha256sum", without="sha256sum")
    place = announce(server.place(Path(tempfile.mkdtemp(dir=place_for_others)), "web"))
    operator = engine(project_factory([place]))
    operator.deploy(tag="r1")
    (error,) = verify(operator.fleet, None, Cancel()).errors.values()
    assert "there is no sha256sum" in error.detail and "install" in error.hint
    assert "there is no sha256sum" in [f.text.partition(":")[0] for f in findings(operator) if f.topic == "checksums"]


def test_a_current_that_cannot_be_replaced_is_not_the_fault_of_mv(ordinary, project_factory, engine):
    if os.getuid():
        unavailable("only root can put what belongs to others in the way")
    project = project_factory([ordinary])
    operator = engine(project)
    operator.deploy(tag="r1")
    project.commit({"index.html": "two\n"})
    sticky_root(ordinary.files)
    error = operator.fails(lambda: operator.deploy(tag="r2"), match="cannot rename over current")
    assert "Operation not permitted" in error.detail and "option" not in error.detail
    assert "has no permission to change it" in error.hint


@pytest.mark.parametrize("inodes", [0, 80], ids=["bytes", "inodes"])
def test_a_full_disk_is_named_as_such(disk, project_factory, engine, inodes):
    place = disk("4m", inodes)
    operator = engine(project_factory([place]))
    assert not errors(operator)
    filler = place.files / "filler"
    filler.mkdir()
    if inodes:
        for number in range(os.statvfs(place.files).f_ffree):
            (filler / str(number)).touch()
    else:
        (filler / "big").write_bytes(bytes(os.statvfs(place.files).f_bfree * 4096))
    finding = the_error(operator, "deploy root", "No space left")
    assert "free" in finding.hint
    shutil.rmtree(filler)
    assert not errors(operator)
    assert not list(place.files.glob(".turnout-probe*"))


def test_files_that_hard_links_cannot_be_made_of_are_named(ordinary, project_factory, engine):
    if os.getuid() or Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "1":
        unavailable("the kernel lets everybody make hard links, or this user cannot give files away")
    files = {"index.html": "one\n", "other": "other\n"}
    operator = engine(project_factory([ordinary], files, deploy={"copy": "hardlink"}))
    operator.deploy(tag="r1")
    at_rest([ordinary])
    assert errors(operator) == []
    theirs = ordinary.files / "deploy-cache/other"
    os.chown(theirs, 0, 0)
    finding = the_error(operator, "copy", "hardlink", "belongs to another user")
    assert "auto" in finding.hint
    changed = {**files, "index.html": "two\n"}
    operator.fails(lambda: engine(project_factory([ordinary], changed, deploy={"copy": "hardlink"})).deploy(tag="r2"))
    auto = engine(project_factory([ordinary], changed))
    assert errors(auto) == []
    auto.deploy(tag="r3")
    assert (ordinary.files / "current/index.html").read_text() == "two\n"


def test_a_way_that_is_closed_to_others_is_a_warning(ordinary, project_factory, engine):
    operator = engine(project_factory([ordinary]))
    assert "way in" not in [finding.topic for finding in findings(operator)]
    ordinary.files.chmod(0o700)
    (finding,) = [finding for finding in findings(operator) if finding.topic == "way in"]
    assert finding.level == WARNING and ordinary.root in finding.text and "chmod o+x" in finding.hint


def test_the_command_ends_with_1_and_names_the_remedy_and_with_0_where_all_is_well(
    started, place_for_others, announce, project_factory
):
    folder = Path(tempfile.mkdtemp(dir=place_for_others))
    folder.chmod(0o755)
    for most, code, words in ((1, 1, "MaxSessions 2 or more"), (2, 0, "no problems found")):
        server = started(f"sessions-{most}", lines=f"MaxSessions {most}")
        project = project_factory([announce(server.place(folder, f"web{most}"))])
        ended = turnout(project, "doctor", "production")
        assert (ended.returncode, words in ended.stdout) == (code, True), ended.stdout + ended.stderr


@pytest.mark.parametrize(("option", "level"), [("ro", ERROR), ("noexec", WARNING)])
def test_how_the_disk_is_mounted_is_named(disk, project_factory, engine, option, level):
    place = disk("8m")
    subprocess.run(["mount", "-o", f"remount,{option}", str(place.files)], check=True)
    operator = engine(project_factory([place], extra=HOOK))
    topic, word = {"ro": ("deploy root", "Read-only"), "noexec": ("hooks", "Permission denied")}[option]
    (finding,) = [finding for finding in findings(operator) if finding.level == level and finding.topic == topic]
    assert word in finding.text and option.replace("ro", "read-only") in finding.hint


def test_a_disk_without_programs_lets_hooks_run_scripts_by_a_shell(disk, project_factory, engine):
    place = disk("64m")
    subprocess.run(["mount", "-o", "remount,noexec", str(place.files)], check=True)
    run = '[[hooks]]\non = "prepare"\nrun = "sh ./prepare.sh"\n'
    operator = engine(project_factory([place], {"prepare.sh": "echo ready > made\n"}, extra=run))
    assert errors(operator) == []
    operator.deploy(tag="r1")
    assert (place.files / "current/made").read_text() == "ready\n"


def test_a_root_whose_way_there_is_a_file_cannot_be_made(sshd, project_factory, engine):
    sshd.files.rmdir()
    sshd.files.write_text("in the way")
    project = project_factory([sshd])
    text = project.config.read_text()
    project.config.write_text(text.replace(f'root = "{sshd.root}"', f'root = "{sshd.root}/below/it"'))
    finding = the_error(engine(project), "deploy root", f"{sshd.root} is not a folder")
    assert "move it away" in finding.hint


def test_shared_links_that_a_deploy_refuses_are_named(sshd, project_factory, engine):
    operator = engine(project_factory([sshd], deploy={"shared": ["a/b/"]}))
    (sshd.files / "shared").mkdir()
    (sshd.files / "shared/a").symlink_to("/tmp")
    the_error(operator, "layout", "shared/a is a link")
    operator.fails(operator.deploy, match="shared/a is a link")
    (sshd.files / "shared/a").unlink()
    assert not errors(operator)


def test_doctor_needs_no_lock_and_leaves_a_running_operation_alone(sshd, project_factory, engine):
    project = project_factory([sshd], extra=HOOK)
    operator, other = engine(project), engine(project)
    operator.deploy(tag="r1")
    at_rest([sshd])
    session = other.fleet.open(sshd.alias)
    held = Held.take(session, "a" * 32, Lock(operation="b" * 12, kind="deploy", who="ana@desk"))
    before = snapshot(sshd.files)
    assert not errors(operator)
    after = snapshot(sshd.files)
    for entries in (before, after):
        entries.pop(b".turnout/lock/beat")
    assert after == before
    held.finish(Settles.OWN, "")
    # Nor does the next deploy take the cache for one that somebody else changed.
    assert operator.fleet.open(sshd.alias).state().cache


@pytest.mark.parametrize("root_exists", [True, False])
def test_nothing_is_left_where_the_connection_dies_in_the_rehearsal(sshd, project_factory, engine, root_exists):
    if not root_exists:
        sshd.files.rmdir()
    operator = engine(project_factory([sshd]))
    session = operator.fleet.open(sshd.alias)
    _, facts = session.examine()
    folder = facts.rehearsal
    assert Path(folder).is_dir()
    session.rehearsal(folder).begin("a" * 32, Lock(kind="doctor", who="doctor"))
    session.connection.close()
    until(lambda: not Path(folder).exists(), "the agent to clean up")
    assert sshd.files.exists() == root_exists


@pytest.mark.parametrize("reused", [False, True], ids=["dead", "number-taken-by-another-program"])
def test_what_a_killed_agent_left_goes_with_the_next_operation_or_doctor(sshd, project_factory, engine, reused):
    need("sshd")
    operator = engine(project_factory([sshd]))
    for sweeper in (lambda: errors(operator), lambda: operator.deploy(tag="r1")):
        dead = subprocess.Popen(["true"])
        dead.wait()
        left = sshd.files / f".turnout-probe.{os.getpid() if reused else dead.pid}"
        (left / "releases").mkdir(parents=True)
        sweeper()
        until(lambda left=left: not left.exists(), "the rest to be swept")
