"""Random days on which an old tool, people and Turnout work in one root: nothing that is served is ever removed,
nothing that cannot be made again goes by itself, and what is not Turnout's is left as it is."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from pathlib import Path

import pytest

from core.manifest import Manifest
from core.operations.kinds.adopt import _lived
from core.plan import REMOVE, SWITCH, Plan
from core.planner.adopt import adopted_records, given_up
from core.planner.deploy import plan_deploy
from core.planner.prune import plan_prune
from core.planner.release import PlanSettings
from core.planner.rollback import plan_rollback
from core.protocol.state import parse_state
from core.records import Record, ServerState, is_tag, next_seq
from core.shape import shape_digest
from tests.engine.driving import snapshot
from tests.shell.test_locking import BEGIN, TOKEN
from tests.strategies import file_entry

OURS = {"releases", "current", "deploy-cache", ".turnout", "live", "site"}
SETTINGS = PlanSettings(keep=2)


class Day:
    """One root, and what happens in it. `served`: what links lead to; `bad`: what the old tool never published."""

    def __init__(self, agent, root: Path, seed: int) -> None:
        self.agent, self.root = agent, root
        self.choose = random.Random(seed)
        self.steps: list[str] = []
        self.clock = 1_700_000_000
        self.number = 0
        self.counts = self.choose.random() < 0.4
        """The old tool's releases are called 1, 2, 3; else by the time."""
        self.absolute = self.choose.random() < 0.5
        (root / "releases").mkdir(parents=True)
        (root / "shared").mkdir()
        (root / "shared/kept").write_text("kept")
        (root / "repo").mkdir()
        (root / "repo/HEAD").write_text("ref: refs/heads/main\n")

    # what is there

    @property
    def releases(self) -> list[str]:
        return sorted(path.name for path in (self.root / "releases").iterdir() if is_tag(path.name))

    @property
    def links(self) -> list[Path]:
        return [
            path for path in (self.root / "current", self.root / "live", self.root.parent / "site") if path.is_symlink()
        ]

    @property
    def served(self) -> set[str]:
        ends = (os.path.realpath(link).removeprefix(f"{os.path.realpath(self.root)}/releases/") for link in self.links)
        return {end for end in ends if is_tag(end)}

    def strange(self) -> set[str]:
        return {tag for tag in self.releases if not (self.root / f".turnout/manifests/{tag}.manifest").exists()}

    def state(self, *lines: str) -> ServerState:
        return parse_state(lines or self.agent.done("state").lines, "web1", str(self.root), now=0.0)

    # the old tool and people

    def old_release(self) -> str:
        self.number += 1
        self.clock += 60
        tag = str(self.number) if self.counts else f"20261101{self.number // 60 % 24:02d}{self.number % 60:02d}00"
        folder = self.root / "releases" / tag
        folder.mkdir()
        (folder / "index.html").write_text(tag)
        os.utime(folder, (self.clock, self.clock))
        return tag

    def old_failed_deploy(self) -> None:
        self.old_release()

    def old_deploy(self) -> None:
        tag = self.old_release()
        self.point("current", tag)
        if not self.counts:
            self.log(f"Branch main (at 75b69fc) deployed as release {tag} by ana")
        theirs = [name for name in self.releases if name.isdigit()]
        for name in sorted(theirs, key=int)[:-4]:
            if name not in self.served:
                shutil.rmtree(self.root / "releases" / name)

    def old_rollback(self) -> None:
        theirs = sorted((name for name in self.releases if name.isdigit()), key=int)
        if len(theirs) > 1:
            self.point("current", theirs[-2])
            if not self.counts:
                self.log(f"ana rolled back to release {theirs[-2]}")

    def log(self, line: str) -> None:
        with (self.root / "revisions.log").open("a") as log:
            log.write(f"{line}\n")

    def point(self, link: str, tag: str) -> None:
        target = f"{self.root}/releases/{tag}" if self.absolute else f"releases/{tag}"
        os.symlink(target, self.root / "next")
        os.rename(self.root / "next", self.root / link)

    def a_person_links(self) -> None:
        if self.releases:
            tag = self.choose.choice(self.releases)
            if self.choose.random() < 0.5:
                self.point("live", tag)
            else:
                (self.root.parent / "site").unlink(missing_ok=True)
                os.symlink(f"{self.root.name}/releases/{tag}", self.root.parent / "site")

    def a_person_unlinks(self) -> None:
        (self.root / "live").unlink(missing_ok=True)

    def a_file_is_written(self) -> None:
        if self.releases:
            (self.root / "releases" / self.choose.choice(self.releases) / "cache.tmp").write_text("x")

    # Turnout

    def begin(self) -> ServerState:
        return self.state(*self.agent.done(*BEGIN).lines)

    def finish(self, *prune: str, line: str = "", left: str = "-", settles: str = "none") -> None:
        self.agent.done("finish", TOKEN, settles, line, left, *prune)

    def switch(self, state: ServerState, plan: Plan, tag: str, kind: str) -> None:
        facts = {"operation": f"{self.number:x}{len(self.steps):x}", "kind": kind, "who": "ana", "time": self.clock}
        line = json.dumps(
            {"what": "switch", "tag": tag, "previous": state.current, "target": state.current_target, **facts}
        )
        self.agent.done("switch", TOKEN, tag, state.current_target, line)
        assert os.readlink(self.root / "current") == state.link_to(tag)
        end = json.dumps({"what": "end", "outcome": "done", "tag": tag, "previous": state.current, **facts})
        self.finish(*plan.steps[0].prune, line=end, left=f"+{state.link_to(tag)}", settles="all")

    def our_deploy(self) -> None:
        self.clock += 60
        text = f"{len(self.steps)}\n".encode()
        tree = Manifest({b"index.html": file_entry(text)})
        state = self.begin()
        tag = f"t{len(self.steps)}"
        record = Record(tag=tag, seq=next_seq([state]), created=self.clock, source="git", digest=tree.digest)
        plan = plan_deploy("production", [state], record, tree, {"web1": None}, SETTINGS)
        assert not (set(plan.steps[0].prune) & self.strange()), "a deploy prunes nothing that cannot be made again"
        if not plan.executable:
            assert not (self.root / "current").exists() and state.links
            return self.finish()
        (self.root / ".turnout/cache.ours").touch()
        (self.root / "deploy-cache/index.html").write_bytes(text)
        (self.root / ".turnout/incoming/manifest").write_text(tree.text)
        digest = hashlib.sha256((self.root / ".turnout/incoming/manifest").read_bytes()).hexdigest()
        self.agent.done("stage", TOKEN, tag, "auto", digest, shape_digest(tree), "yes", record.to_toml())
        self.switch(state, plan, tag, "deploy")

    def our_rollback(self) -> None:
        state = self.begin()
        tag = self.choose.choice([None, None, *self.releases])
        plan = plan_rollback("production", [state], tag, {}, {}, SETTINGS)
        if tag is None and plan.tag:
            assert not state.releases[plan.tag].bad, "undo never goes to what was never published"
        if not plan.executable or plan.steps[0].action != SWITCH:
            return self.finish()
        self.switch(state, plan, plan.tag, "rollback")

    def our_prune(self) -> None:
        state = self.begin()
        for_ever = self.choose.random() < 0.5
        tags = self.choose.sample(self.releases, 1) if self.releases and self.choose.random() < 0.3 else []
        plan = plan_prune("production", [state], tags, None if tags else 1, False, {}, for_ever=for_ever)
        going = plan.steps[0].prune if plan.executable and plan.steps[0].action == REMOVE else ()
        lost = set(going) & self.strange()
        assert not lost or for_ever or tags
        assert all(any(tag in text for text in plan.warnings) for tag in lost)
        if going:
            # Somebody points a link there after the plan: the server sees it.
            if self.choose.random() < 0.3:
                self.point("live", going[0])
            before = self.served
            self.agent.done("remove", TOKEN, "no", *going)
            assert before <= set(self.releases)
        self.finish()

    def our_adoption(self) -> None:
        state = self.begin()
        for record in adopted_records(state, {}):
            self.agent.done("record", TOKEN, record.tag, record.to_toml())
        self.finish(
            line=json.dumps({"what": "end", "operation": "ad", "kind": "adopt", "outcome": "done", **_lived(state)})
        )
        assert not {release.tag for release in self.state().releases.values() if release.present and not release.record}

    def our_adoption_undone(self) -> None:
        state = self.begin()
        if tags := given_up(state):
            self.agent.done("unrecord", TOKEN, *tags)
        self.finish()
        assert not given_up(self.state())

    def live_through(self, steps: int) -> None:
        old = [self.old_deploy, self.old_deploy, self.old_failed_deploy, self.old_rollback]
        people = [self.a_person_links, self.a_person_unlinks, self.a_file_is_written]
        new = [self.our_deploy, self.our_deploy, self.our_rollback, self.our_prune, self.our_prune]
        new += [self.our_adoption, self.our_adoption_undone]
        for _ in range(steps):
            step = self.choose.choice([*old, *people, *new])
            served, others = self.served, self._others()
            self.steps.append(step.__name__)
            step()
            if step in new:
                assert served <= set(self.releases), f"a served release is gone: {served - set(self.releases)}"
                assert self._others() == others, "what is not Turnout's was changed"
                assert self.served or not served
            if (self.root / "current").is_symlink():
                assert (self.root / "current/index.html").is_file()

    def _others(self) -> dict:
        """What is not Turnout's to change. What it removes goes beside the next step, so nothing of that is read."""
        tops = [path for path in self.root.iterdir() if path.name not in OURS]
        return {path.name: snapshot(path) if path.is_dir() else path.read_bytes() for path in tops}


def live_a_day(start, folder: Path, seed: int, steps: int) -> None:
    root = folder / f"day{seed}/srv/shop"
    day = Day(start(root), root, seed)
    try:
        day.live_through(steps)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {' '.join(day.steps)}") from error
    finally:
        day.agent.close()


@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_is_served_or_cannot_be_made_again_is_lost(start, tmp_path, seed):
    live_a_day(start, tmp_path, seed, 12)


@pytest.mark.soak
def test_soak_a_thousand_days_of_an_old_tool_and_turnout(start, tmp_path):
    for seed in range(1000, 1334):  # in each of three shells
        live_a_day(start, tmp_path, seed, 15)
        shutil.rmtree(tmp_path / f"day{seed}", ignore_errors=True)
