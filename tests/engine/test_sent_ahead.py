"""Files leave while the rest of the tree is still read: git waits in the middle, in a filter of the repository."""

from __future__ import annotations

import os
import shutil
import threading

import pytest

from core.errors import Cancelled, ConnectError, SourceError, TurnoutError, UsageError
from core.events import PhaseFinished, PhaseStarted, UploadProgress
from core.jobs import Cancel, Job
from core.operations import sent_ahead, streams
from core.operations.executing import execute
from core.operations.kinds.deploy import DeployRequest
from core.operations.kinds.freeze import FreezeRequest
from core.profile import Profile
from core.source import make_tree
from core.source.coming import Coming
from core.source.git import export
from tests.engine.driving import Engine, at_rest, current, live
from tests.servers import Destination
from tests.waiting import until

FILES = {
    ".gitattributes": "*.late filter=waits\n/inside export-ignore\n",
    "a/big": os.urandom(3_000_000),
    "b/page.html": "<p>one</p>\n" * 200,
    "b/deep/er/page": "two",
    "inside/not-sent": "three",
    "z.late": "the last one\n",
}
DEPLOYED = {path: content for path, content in FILES.items() if not path.startswith("inside/")}


class Waiting:
    """A project whose last file git gives only once it is `let_go`; `fail` makes git fail there."""

    def __init__(self, project, engine, folder):
        self.project = project
        self._mark = folder / "go"
        self._fail = folder / "fail"
        script = f"while [ ! -e {self._mark} ]; do sleep 0.02; done; [ ! -e {self._fail} ] && cat"
        project.git("config", "filter.waits.smudge", script)
        project.git("config", "filter.waits.clean", "cat")
        project.git("config", "filter.waits.required", "true")
        self.operator: Engine = engine(project)

    def let_go(self):
        self._mark.touch()

    def fail(self):
        self._fail.touch()
        self.let_go()

    def deploy(self, **options) -> Job:
        """A deploy on a thread of its own, as the command line makes it with --yes."""
        operator = self.operator

        def work(emit, controls):
            operator.controls = controls
            return operator.run(DeployRequest(**options))

        return Job("deploy", work).start()


@pytest.fixture
def waiting(project_factory, engine, tmp_path, monkeypatch):
    """Make a project for places."""
    # How busy the machine is must not make the way long.
    monkeypatch.setattr(streams, "LONG_WAY", 3600.0)

    made = []

    def make(*places, files=FILES, **options):
        made.append(Waiting(project_factory(places, files=files, **options), engine, tmp_path))
        return made[-1]

    yield make
    for each in made:
        each.let_go()


def begun(place: Destination) -> None:
    """Wait until files are in a server's deploy-cache."""
    until(lambda: (place.files / "deploy-cache/a/big").exists(), "files to arrive")


def cached(place: Destination) -> list[str]:
    return sorted(os.listdir(place.files / "deploy-cache"))


def whole(place: Destination, files=DEPLOYED) -> None:
    """Exactly these files are live."""
    top = place.files / "current"
    found = {
        os.path.relpath(os.path.join(folder, name), top) for folder, _, names in os.walk(f"{top}/") for name in names
    }
    assert found == set(files)
    for path, content in files.items():
        assert (top / path).read_bytes() == (content if isinstance(content, bytes) else content.encode()), path


def taken_back(place: Destination) -> None:
    """Nothing is live, locked, or left in the deploy-cache."""
    at_rest([place])
    assert not cached(place) and not current(place)


def sent(operator: Engine) -> int:
    """Bytes that the last operation says it sent, to all servers."""
    return sum({event.server: event.sent for event in operator.said(UploadProgress)}.values())


def test_files_leave_while_the_tree_is_read_and_a_release_has_all_of_them(servers, waiting) -> None:
    places = servers(3)
    shop = waiting(*places)
    job = shop.deploy(tag="one")
    for place in places:
        begun(place)
    assert not shop.operator.said(PhaseStarted, phase="upload") and not job.finished
    shop.let_go()
    job.result()
    for place in places:
        whole(place)
    assert sent(shop.operator) == 3 * sum(map(len, DEPLOYED.values()))
    at_rest(places)
    # The caches are known: nothing is sent again.
    shop.operator.events.clear()
    shop.operator.deploy(tag="two")
    assert not sent(shop.operator) and {live(place) for place in places} == {"two"}


def test_a_server_that_stood_still_catches_up_while_git_still_waits(servers, proxy, waiting) -> None:
    """It is sent the beginning of a stream whose end nobody knows yet."""
    first, second, third = servers(3)
    network, still = proxy(second)
    files = {**FILES, "a/big": os.urandom(16_000_000)}
    shop = waiting(first, still, third, files=files)
    network.freeze_after(1_500_000)
    job = shop.deploy(tag="one")

    def has_most(place: Destination) -> bool:
        file = place.files / "deploy-cache/a/big"
        return file.exists() and file.stat().st_size > 15_000_000

    until(lambda: (has_most(first) and has_most(third)) or job.finished, "the others' files")
    assert network.frozen and not has_most(second) and not job.finished
    network.thaw()
    until(lambda: has_most(second) or job.finished, "what it lacks")
    assert not job.finished
    shop.let_go()
    job.result()
    for place in (first, second, third):
        whole(place, {path: files[path] for path in DEPLOYED})
    at_rest([first, second, third])


def test_a_server_that_has_files_gets_only_what_it_lacks(servers, waiting, project_factory, engine) -> None:
    """The others' files leave ahead."""
    new, old = servers(2)
    engine(project_factory([old], files={path: FILES[path] for path in ("a/big", "b/page.html")})).deploy(tag="zero")
    shop = waiting(new, old)
    job = shop.deploy(tag="one")
    begun(new)
    assert cached(old) == ["a", "b"]
    shop.let_go()
    job.result()
    whole(new)
    whole(old)
    progress = {event.server: event.sent for event in shop.operator.said(UploadProgress)}
    assert progress[old.alias] < 10_000 < progress[new.alias]


def test_what_the_configuration_leaves_out_is_not_sent(sshd, waiting) -> None:
    files = {"web/.gitattributes": FILES[".gitattributes"]} | {
        f"web/{path}": content for path, content in FILES.items() if path != ".gitattributes"
    }
    shop = waiting(
        sshd, files={**files, "elsewhere": "4"}, source_options={"publish": "web", "exclude": ["b/deep", "*.html"]}
    )
    job = shop.deploy(tag="one")
    begun(sshd)
    shop.let_go()
    job.result()
    whole(sshd, {path: FILES[path] for path in (".gitattributes", "a/big", "z.late")})
    assert cached(sshd) == [".gitattributes", "a", "b", "z.late"] and not os.listdir(sshd.files / "deploy-cache/b")


def test_a_plan_that_the_tree_refuses_leaves_the_cache_empty(sshd, waiting) -> None:
    shop = waiting(sshd, deploy={"shared": [{"path": "settings.ini", "required": True}]})
    job = shop.deploy(tag="one")
    begun(sshd)
    shop.let_go()
    with pytest.raises(UsageError, match="required"):
        job.result()
    taken_back(sshd)
    (sshd.files / "shared").mkdir(exist_ok=True)
    (sshd.files / "shared/settings.ini").write_text("there")
    shop.operator.deploy(tag="one")
    whole(sshd, {**DEPLOYED, "settings.ini": "there"})


def test_a_source_that_fails_leaves_the_cache_empty(sshd, waiting) -> None:
    shop = waiting(sshd)
    job = shop.deploy(tag="one")
    begun(sshd)
    shop.fail()
    with pytest.raises(SourceError, match="git archive"):
        job.result()
    taken_back(sshd)


def test_a_cancel_keeps_what_arrived(sshd, waiting) -> None:
    shop = waiting(sshd)
    job = shop.deploy(tag="one")
    begun(sshd)
    shop.operator.controls.cancel.request_apart()
    with pytest.raises(Cancelled):
        job.result()
    at_rest([sshd])
    assert not current(sshd)
    shop.let_go()
    shop.operator.controls = type(shop.operator.controls)()
    shop.operator.deploy(tag="two")
    whole(sshd)


def test_a_connection_that_is_lost_meanwhile_leaves_all_to_the_next(sshd, waiting) -> None:
    shop = waiting(sshd)
    job = shop.deploy(tag="one")
    begun(sshd)
    sshd.server.kill_sessions()
    shop.let_go()
    with pytest.raises(TurnoutError) as raised:
        job.result()
    assert any(isinstance(each, ConnectError) for each in getattr(raised.value, "errors", {"": raised.value}).values())
    assert not current(sshd)
    until(lambda: not (sshd.files / ".turnout/lock").exists(), "the lock to be given back")
    Waiting.deploy(shop, tag="two").result()
    whole(sshd)


def test_where_other_files_came_than_the_tree_has_the_cache_is_compared(sshd, waiting, monkeypatch) -> None:
    monkeypatch.setattr(Coming, "fits", lambda self, manifest: False)
    shop = waiting(sshd)
    job = shop.deploy(tag="one")
    begun(sshd)
    (sshd.files / "deploy-cache/more").write_text("which the tree has not")
    shop.let_go()
    job.result()
    whole(sshd)
    assert "more" not in cached(sshd)


def test_where_another_process_has_put_another_tree_in_place_that_one_is_deployed(
    sshd, waiting, monkeypatch, tmp_path
) -> None:
    """The same files of the same size: `export-subst` writes how long ago the commit was made."""
    state = tmp_path / "now"
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/git"
    clock = f"GIT_TEST_DATE_NOW=$(cat {state})\nexport GIT_TEST_DATE_NOW"
    program.write_text(f'#!/bin/sh\n[ ! -e {state} ] || {{ {clock}; }}\nexec {shutil.which("git")} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    attributes = "*.made export-subst\n"
    shop = waiting(sshd, files={".gitattributes": attributes, "a/big": FILES["a/big"], "b.made": "$Format:%ar$"})
    committed = int(shop.project.git("log", "-1", "--format=%ct"))
    state.write_text(str(committed + 5 * 86400))
    whole_of = export.whole

    def late(*given):
        made = whole_of(*given)
        begun(sshd)
        monkeypatch.setattr(export, "whole", whole_of)
        state.write_text(str(committed + 6 * 86400))
        make_tree(shop.operator.fleet.project, None, lambda event: None, Cancel(), target="production")
        return made

    monkeypatch.setattr(export, "whole", late)
    shop.deploy(tag="one").result()
    assert (sshd.files / "current/b.made").read_text() == "6 days ago"


@pytest.mark.parametrize("why", ["a plan was seen", "frozen", "a tag that is there", "another user runs a hook"])
def test_nothing_leaves_where_a_plan_may_be_refused_without_the_tree(
    sshd, waiting, project_factory, engine, why
) -> None:
    hook = '[[hooks]]\non = "finalize"\nrun = "true"\nas = "nobody-here"\n'
    shop = waiting(sshd, extra=hook if why.startswith("another") else "")
    options = {"tag": "one"}
    if why == "frozen":
        shop.operator.run(FreezeRequest(reason="the fair"))
    if why == "a tag that is there":
        (sshd.files / "releases/one").mkdir(parents=True)
    looked = threading.Event()
    seen = []

    def hear(event):
        if isinstance(event, PhaseStarted) and event.phase == "upload":
            seen.extend(cached(sshd))
            looked.set()

    shop.operator.on_event = hear
    plan = None
    if why == "a plan was seen":
        shop.let_go()
        plan = shop.operator.plan(DeployRequest(**options))
        execute(shop.operator.fleet, DeployRequest(**options), plan, shop.operator.hear, shop.operator.controls)
        assert not seen and looked.is_set()
        whole(sshd)
        return
    job = shop.deploy(**options)
    until(lambda: shop.operator.said(PhaseStarted, phase="begin"), "the lock")
    until(lambda: (sshd.files / ".turnout/lock").exists(), "the lock")
    shop.let_go()
    with pytest.raises(TurnoutError):
        job.result()
    assert not (sshd.files / "deploy-cache").exists() or not cached(sshd)


@pytest.mark.parametrize("few", [2, 3])
def test_many_servers_get_nothing_before_the_tree_is_read(servers, waiting, monkeypatch, few) -> None:
    monkeypatch.setattr(sent_ahead, "FEW", few)
    places = servers(3)
    shop = waiting(*places)
    profile = shop.operator.fleet.project.settings.profile = Profile()
    job = shop.deploy()
    if few == 3:
        begun(places[0])
    else:
        until(lambda: len(shop.operator.said(PhaseFinished, phase="begin")) == 3, "the locks")
    shop.let_go()
    job.result()
    assert len([span for span in profile.spans if span.name == "ahead"]) == (3 if few == 3 else 0)
    for place in places:
        whole(place)


def test_files_of_a_kept_export_leave_while_git_reads_them_again(
    servers, project_factory, engine, tmp_path, monkeypatch
) -> None:
    """A revision whose manifest is known goes to a new server; git gives the first 2 MB, and waits."""
    monkeypatch.setattr(streams, "LONG_WAY", 3600.0)
    old, new = servers(2)
    files = {**{f"big{number}": os.urandom(1_500_000) for number in range(3)}, "page": "one"}
    project = project_factory([old], files=files)
    engine(project).deploy(tag="one")
    mark, folder = tmp_path / "go", tmp_path / "bin"
    folder.mkdir()
    wait = f"while [ ! -e {mark} ]; do sleep 0.02; done"
    slow = (
        f'case " $* " in *" archive "*) {shutil.which("git")} "$@" | {{ head -c 4000000; {wait}; cat; }}; exit ;; esac'
    )
    (folder / "git").write_text(f'#!/bin/sh\n{slow}\nexec {shutil.which("git")} "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    project.config.write_text(project.config.read_text().replace(str(old.root), str(new.root)))
    operator = engine(project)
    plan = operator.plan(DeployRequest(tag="two"))
    job = Job("deploy", lambda emit, controls: operator.run(DeployRequest(tag="two"), plan)).start()
    try:
        until(lambda: (new.files / "deploy-cache/big0").exists(), "files to arrive")
        assert not job.finished
    finally:
        mark.touch()
    job.result()
    whole(new, files)
