"""The program that follows files: rotation, truncation, files that come later, a switch of `current`, bounds."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from core.logs.frames import CaughtUp, Data, Frame, Frames, Matching, Ready, Unreadable
from core.remote.launch import follow
from tests.servers import need
from tests.shell.agents import SHELLS, applets, text_of
from tests.waiting import PATIENCE, until

MARK = "0123456789abcdef"


class Follow:
    """One running program, and the frames that it has sent."""

    def __init__(
        self, command: list[str], environment: dict[str, str], root: Path, *patterns: str, lines: int = 3
    ) -> None:
        self.frames: list[Frame] = []
        self.process = subprocess.Popen(
            [*command, "-c", text_of("watch.sh", "follow.sh")],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdin is not None
        begun = follow(
            MARK, str(root / "current"), lines, 100_000, [(index, pattern) for index, pattern in enumerate(patterns)]
        )
        self.process.stdin.write(begun.text.encode())
        self.process.stdin.flush()
        threading.Thread(target=self._read, daemon=True).start()
        until(lambda: CaughtUp() in self.frames, "the end of what was there")

    def _read(self) -> None:
        assert self.process.stdout is not None
        frames = Frames(MARK)
        while piece := os.read(self.process.stdout.fileno(), 1 << 16):
            self.frames += frames.take(piece)

    @property
    def text(self) -> str:
        """Everything that was sent of files, in the order in which it came."""
        return b"".join(frame.text for frame in self.frames if isinstance(frame, Data)).decode()

    def waits_for(self, text: str) -> None:
        until(lambda: text in self.text, f"{text!r} in {self.text[-500:]!r}")


@pytest.fixture(params=SHELLS)
def following(request, tmp_path):
    name, *more = SHELLS[request.param]
    environment = dict(os.environ)
    if name == "busybox":
        environment |= applets(tmp_path / "applets")
    started = []

    def begin(root: Path, *patterns: str, lines: int = 3) -> Follow:
        started.append(Follow([need(name), *more], environment, root, *patterns, lines=lines))
        return started[-1]

    yield begin
    for one in started:
        one.process.stdin.close()
        one.process.wait()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A deploy root with two releases, the first one live."""
    for tag in ("one", "two"):
        (tmp_path / "srv/releases" / tag / "log").mkdir(parents=True)
    (tmp_path / "srv/current").symlink_to("releases/one")
    return tmp_path / "srv"


def write(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_the_last_lines_come_first_and_new_ones_follow(site, following):
    log = site / "current/log/app.log"
    write(log, "".join(f"old {number}\n" for number in range(10)))
    one = following(site, "log/app.log")
    assert one.text == "old 7\nold 8\nold 9\n"
    write(log, "new\nunfinished")
    one.waits_for("new\nunfinished")
    write(log, " line\n")
    one.waits_for("unfinished line\n")
    assert Ready() in one.frames and Matching(0, 1) in one.frames


def test_both_ways_of_rotation_lose_nothing(site, following):
    log = site / "current/log/app.log"
    write(log, "a\n")
    one = following(site, "log/app.log")
    write(log, "before\n")
    log.rename(log.with_suffix(".log.1"))
    write(log.with_suffix(".log.1"), "late\n")
    write(log, "after\n")
    one.waits_for("before\nlate\nafter\n")
    os.truncate(log, 0)
    write(log, "cut\n")
    one.waits_for("after\ncut\n")
    assert one.text == "a\nbefore\nlate\nafter\ncut\n"


def test_a_switch_of_current_is_followed_to_the_other_file(site, following):
    write(site / "releases/one/log/app.log", "first release\n")
    one = following(site, "log/app.log")
    write(site / "releases/one/log/app.log", "its last line\n")
    (site / "new").symlink_to("releases/two")
    write(site / "releases/two/log/app.log", "second release\n")
    (site / "new").rename(site / "current")
    one.waits_for("first release\nits last line\nsecond release\n")


def test_files_that_come_later_are_followed_from_their_beginning(site, following, tmp_path):
    one = following(site, "log/*.log", f"{tmp_path}/far/x [y].log")
    assert one.frames.count(Matching(0, 0)) == 1 and Matching(1, 0) in one.frames
    write(site / "current/log/a b.log", "from a\n")
    one.waits_for("from a\n")
    write(site / "current/log/$(touch x).log", "from c\n")
    one.waits_for("from c\n")
    (tmp_path / "far").mkdir()
    write(tmp_path / "far/x y.log", "from far\n")
    one.waits_for("from far\n")
    assert not (site / "current/x").exists() and not (site / "current/log/x").exists()
    assert {frame.name for frame in one.frames if isinstance(frame, Data)} == {
        "log/a b.log", "log/$(touch x).log", f"{tmp_path}/far/x y.log",
    }  # fmt: skip


def test_what_comes_too_fast_is_left_out_and_counted(site, following):
    log = site / "current/log/app.log"
    write(log, "a\n")
    one = following(site, "log/app.log")
    write(log, "x" * 5_000_000 + "\nlast\n")
    one.waits_for("\nlast\n")
    data = [frame for frame in one.frames if isinstance(frame, Data)]
    assert sum(len(frame.text) for frame in data) < 300_000
    assert sum(len(frame.text) + frame.skipped for frame in data) == log.stat().st_size
    assert all(frame.cut == (frame.skipped > 0) for frame in data)


def test_any_bytes_pass_as_they_are(site, following):
    log = site / "current/log/app.log"
    write(log, "a\n")
    one = following(site, "log/app.log")
    whole = bytes(range(256)) * 40
    with log.open("ab") as file:
        file.write(whole)

    def sent() -> bytes:
        return b"".join(frame.text for frame in one.frames if isinstance(frame, Data))

    until(lambda: sent() == b"a\n" + whole, "all bytes")


def test_no_current_no_folder_and_no_regular_file_are_waited_for(tmp_path, following):
    (tmp_path / "srv").mkdir()
    os.mkfifo(tmp_path / "pipe")
    one = following(tmp_path / "srv", "log/app.log", str(tmp_path / "pipe"), str(tmp_path))
    assert not one.text
    (tmp_path / "srv/releases/one/log").mkdir(parents=True)
    write(tmp_path / "srv/releases/one/log/app.log", "here\n")
    (tmp_path / "srv/current").symlink_to("releases/one")
    one.waits_for("here\n")


def test_it_ends_when_nobody_listens_any_more(site, following):
    one = following(site, "log/app.log")
    one.process.stdin.close()
    assert one.process.wait(timeout=PATIENCE) == 0


def test_what_may_not_be_read_is_said_until_it_may():
    frames = Frames(MARK)
    (said,) = frames.take(f"noise\n{MARK} unread 0 /var/log/a b\n".encode())
    assert said == Unreadable(0, "/var/log/a b")
