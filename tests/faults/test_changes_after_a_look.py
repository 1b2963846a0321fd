"""Between a look and what rests on it anything may change: nothing outside is written, and nothing live is removed."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import threading
from contextlib import suppress

import pytest

from core import DeployRequest
from core.errors import TurnoutError
from core.remote.launch import AGENT_PARTS, script
from tests.engine.driving import snapshot
from tests.servers import need

SHELLS = ("dash", "bash", "busybox")
PROGRAM = (
    "".join(script(name) for name in AGENT_PARTS[:-1])
    + script("agent.sh").partition("\nbirth $$\n")[0]
    + '\ncd -P "$root" || exit\n'
)
"""The functions of the agent, in a deploy root."""
FOOLABLE = 'kernel_finds() { [ "$1" -ef "$2" ]; }\n' + re.sub(
    r"\[ (! )?(\S+) -ef (\S+) \]", r"\1kernel_finds \2 \3", PROGRAM
)
"""The same where `[ A -ef B ]` is a function: few shells can have one of the name `[`."""


@pytest.fixture(params=SHELLS)
def agent(request, tmp_path):
    """Run shell text with the agent's functions in a deploy root with the releases a, b (live) and c."""
    shell = [need(request.param), *(["ash"] if request.param == "busybox" else []), "-c"]
    root = tmp_path / "root"
    for folder in ("releases/a", "releases/b", "releases/c", ".turnout/trash", ".turnout/incoming", "shared"):
        (root / folder).mkdir(parents=True)
    (root / "releases/b/index.html").write_text("live\n")
    (root / "current").symlink_to("releases/b")

    def run(text: str, program: str = PROGRAM) -> subprocess.CompletedProcess[str]:
        words = [*shell, f"root=$1\n{program}{text}", "sh", str(root)]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

    run.root = root
    return run


FALLS_FOR_IT = ': > "$root/fooled"'


def cd_to_what_is_live(instead: str) -> str:
    """Shell: something else happens where the program enters the link that serves."""
    return f'cd() {{ case $2 in "$link") {FALLS_FOR_IT}; {instead} ;; *) command cd "$@" ;; esac; }}'


FOOLED = {
    "nothing": FALLS_FOR_IT,
    "cd goes elsewhere": cd_to_what_is_live("command cd -P releases/a"),
    "cd does not go": cd_to_what_is_live("return 0"),
    "cd fails": cd_to_what_is_live("return 1"),
    "the link says another one": f"readlink() {{ {FALLS_FOR_IT}; echo releases/a; }}",
    "the link says nothing": f"readlink() {{ {FALLS_FOR_IT}; }}",
    "the link is not read": f"readlink() {{ {FALLS_FOR_IT}; return 1; }}",
    "the kernel finds another one": f"kernel_finds() {{ {FALLS_FOR_IT}; return 1; }}",
}
LINKS = {"current": "releases/b", "site/live": "../releases/b", "{root}/site/live": "{root}/releases/b"}
"""The links that a switch can replace, as turnout.toml names them, and where they lead."""


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("fooled", FOOLED)
def test_no_single_look_that_is_wrong_removes_what_is_live(agent, fooled, link):
    (agent.root / "site").mkdir()
    (agent.root / "current").unlink()
    (agent.root / link.format(root=agent.root)).symlink_to(LINKS[link].format(root=agent.root))
    before = f"link={link.format(root=agent.root)}\n{FOOLED[fooled]}\nmounts"
    done = agent(f'{before}\ndiscard b; echo "gone $gone"', FOOLABLE)
    assert (agent.root / "releases/b/index.html").read_text() == "live\n", done
    assert "gone .turnout" not in done.stdout
    assert (agent.root / "fooled").exists(), "the program looks in another way, which was not tried"
    # Where it is not certain what is live, nothing else is removed either; where it is, the rest can be.
    done = agent(f'{before}\ndiscard c; echo "gone $gone"', FOOLABLE)
    assert (agent.root / "releases/b/index.html").exists()
    certain = fooled in ("nothing", "cd fails")
    assert (agent.root / "releases/c").exists() != certain, done
    assert ("gone .turnout/trash/c" if certain else "not certain what is live") in done.stdout, done


@pytest.mark.parametrize(
    "target", ["releases/b", "./releases/b/", "{root}/releases/b", "releases/a/../b", "releases/b/deep", "way/b"]
)
def test_what_is_live_is_spared_however_the_link_is_written(agent, target):
    (agent.root / "releases/b/deep").mkdir()
    (agent.root / "way").symlink_to("releases")
    (agent.root / "current").unlink()
    (agent.root / "current").symlink_to(target.format(root=agent.root))
    done = agent("mounts\ndiscard b")
    assert done.returncode == 1 and "releases/b is live" in done.stdout
    done = agent('mounts\ndiscard c && echo "gone $gone"')
    assert done.stdout == "gone .turnout/trash/c\n", done
    assert sorted(os.listdir(agent.root / "releases")) == ["a", "b"]


def test_what_becomes_live_in_the_last_moment_is_put_back(agent):
    """Somebody switches by hand between the looks and the rename."""
    late = 'mv() { ln -sfn releases/c current; command mv "$@"; }\nmounts\ndiscard c'
    done = agent(late)
    assert done.returncode == 1 and "releases/c is live, and was put back" in done.stdout
    assert (agent.root / "current/.").is_dir()


def test_a_release_is_spared_where_current_cannot_be_entered(agent):
    (agent.root / "current").unlink()
    (agent.root / "current").symlink_to("releases/gone")
    assert "gone .turnout/trash/c" in agent('mounts\ndiscard c && echo "gone $gone"').stdout


def test_a_switch_to_what_was_removed_meanwhile_is_taken_back(agent):
    """Somebody removes the release between the look and the rename."""
    late = """holds() { :; }
phase() { :; }
mv() { rm -rf releases/c; command mv "$@"; }
verb_switch token c releases/b line"""
    done = agent(late)
    assert done.returncode == 1 and "releases/c was removed while current was switched" in done.stdout
    assert (agent.root / "current/index.html").read_text() == "live\n"


PLANTED = ("releases", "deploy-cache", ".turnout/records", ".turnout/manifests")


@pytest.mark.parametrize("place", PLANTED)
def test_a_folder_that_becomes_a_link_while_the_lock_is_taken_is_not_used(agent, tmp_path, place):
    outside = tmp_path / "outside"
    (outside / ".turnout-new.r1.1").mkdir(parents=True)
    shutil.rmtree(agent.root / "releases")
    (agent.root / "current").unlink()
    late = f"""birth $$
self="$$ $born"
watchdog() {{ :; }}
lock() {{ command mkdir .turnout/lock; echo "$self" > .turnout/lock/process; rm -rf {place}; ln -s {outside} {place}; }}
verb_begin token owner 30 ''"""
    done = agent(late)
    assert done.returncode == 5 and f"{agent.root}/{place} is a link" in done.stdout, done
    assert os.listdir(outside) == [".turnout-new.r1.1"] and not (agent.root / ".turnout/lock").exists()


# The moments at which others may act: before and after each program that works in shared/.
SWAP = """
moment=0
swap() {
  moment=$((moment + 1))
  [ "$moment" -ne "$when" ] || {
    command mv "$root/shared/$victim" "$root/moved" && command ln -s "$outside" "$root/shared/$victim"
  } 2> /dev/null
}
for tool in mkdir mv cp rm rmdir; do
  eval "$tool() { swap; command $tool \\"\\$@\\"; status=\\$?; swap; return \\$status; }"
done
cd() { swap; command cd "$@"; status=$?; swap; return $status; }
"""


@pytest.mark.parametrize(("path", "victim"), [("a/b/data", "a"), ("a/b/data", "a/b"), ("a/.env", "a"), ("a/new/", "a")])
@pytest.mark.parametrize("linked", ["", ": > .turnout/cache.linked"])
def test_a_link_planted_at_any_moment_redirects_nothing_outside(agent, tmp_path, path, victim, linked):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("precious\n")
    for folder in ("b", ".turnout-seed.1"):
        (outside / folder).mkdir()
    before = snapshot(outside)
    release = agent.root / ".turnout/incoming/r1"
    for at in itertools.count(1):
        for folder in (agent.root / "shared", agent.root / "moved", release):
            shutil.rmtree(folder, ignore_errors=True)
        (agent.root / "shared" / victim).mkdir(parents=True)
        if not path.endswith("/"):
            (release / path).parent.mkdir(parents=True)
            (release / path).mkdir() if path.endswith("data") else (release / path).write_text("K=1\n")
        else:
            release.mkdir(parents=True)
        text = (
            f"{linked}\nwhen={at} victim={victim} outside={outside}\n{SWAP}\nlink_shared .turnout/incoming/r1 {path}\n"
        )
        done = agent(f'{text}echo "moments $moment"')
        assert snapshot(outside) == before, (at, done)
        assert not [name for name in os.listdir(outside) if name not in ("file", "b", ".turnout-seed.1")]
        if not (agent.root / "shared" / victim).is_symlink():
            # The last moment has passed: all of them were tried.
            assert at > 3 and (agent.root / "shared" / path).exists(), done
            break


def test_a_swap_while_deploys_run_writes_nothing_outside(sshd, project_factory, truth, tmp_path):
    """As somebody does it who can write to shared/, whose program flips a folder and a link all the time."""
    outside = tmp_path / "outside"
    (outside / "b").mkdir(parents=True)
    shared = sshd.files / "shared"
    (shared / "a").mkdir(parents=True)
    done = threading.Event()

    def flip():
        while not done.is_set():
            for old, new in (("a", "kept"), ("planted", "a"), ("a", "planted"), ("kept", "a")):
                with suppress(OSError):
                    os.rename(shared / old, shared / new)
                # What a deploy has seeded goes again, so that the next one seeds.
                if new == "planted" and (shared / "planted").is_symlink():
                    shutil.rmtree(shared / "kept/b", ignore_errors=True)

    (shared / "planted").symlink_to(outside)
    project = project_factory([sshd], {"index.html": "1\n", "a/b/data/x": "seed\n"}, deploy={"shared": ["a/b/data/"]})
    facts = truth(project, [sshd])
    racer = threading.Thread(target=flip)
    racer.start()
    try:
        for number in range(12):
            project.commit({"index.html": f"{number}\n"})
            # A deploy that meets the link is refused.
            with suppress(TurnoutError):
                facts.do(DeployRequest(tag=f"r{number}"))
            assert os.listdir(outside) == ["b"] and os.listdir(outside / "b") == []
    finally:
        done.set()
        racer.join()
