"""Every block of commands in the documentation: it is run as it stands there, or says why not.

`<!-- run -->` before a block: its lines are run on the demo's servers, and each must end with 0.
`<!-- not run: why -->`: they are not. Either way each `turnout` command must be one that there is.
Markdown shows neither comment.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import DeployRequest, execute
from core.jobs import Controls
from tests import REPOSITORY
from tests.recipes import pages
from tui.cli import main
from tui.cli.arguments import parse
from tui.cli.parsing import BadUsage
from tui.demo import running as demo

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]

PROGRAMS = ("turnout", "make", "pip", "pipx", "git", "ssh", "ssh-keygen", "cd", "eval", "docker", "sudo", "$")
SHELLS = ("sh", "bash", "console", "shell")

RUN, NOT_RUN = re.compile(r"<!-- run -->"), re.compile(r"<!-- not run: .{8,} -->")

MORE = "\n[[tasks]]\nname = 'restart'\nrun = 'true'\n"
"""What the demo's turnout.toml lacks for the commands of the documentation."""

FINGERPRINT = f"SHA256:{'A' * 43}"

ENDLESS = ("logs",)
"""Commands that go on until a signal comes: here they print what is there."""


@dataclass(frozen=True)
class Block:
    """A block of commands: `mark` is the comment before it, `line` where it begins."""

    page: Path
    line: int
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Its commands, without what is said beside them: `# …`, or a text after a gap."""
        lines = [re.split(r"\s+#\s|\s{2,}", line.strip())[0] for line in self.text.splitlines()]
        return [line.removeprefix("$ ") for line in lines if line]


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page that are commands: of a shell's language, or indented and begun by a program's name."""
    lines = [*page.read_text("utf-8").splitlines(), ""]
    at, mark = 0, ""
    while at < len(lines):
        fence = re.match(r" *```(\w*)", lines[at])
        start = at
        if fence:
            at += 1
            while not lines[at].strip().startswith("```"):
                at += 1
            found, end = lines[start + 1 : at], at + 1
            commands = fence[1] in SHELLS
        elif lines[at].startswith("    ") and (at == 0 or not lines[at - 1].strip()):
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
                at += 1
            found, end = lines[start:at], at
            words = [word for word in lines[start].split() if not re.match(r"[A-Z_]+=", word)]
            commands = bool(words) and words[0] in PROGRAMS
        else:
            if lines[at].strip():
                mark = lines[at].strip()
            at += 1
            continue
        if commands:
            yield Block(page, start + 1, mark, "\n".join(found))
        mark, at = "", end


ALL = [block for page in PAGES for block in blocks(page)]


def test_the_documentation_has_blocks_of_commands() -> None:
    assert len(ALL) > 10 and sum(bool(RUN.fullmatch(block.mark)) for block in ALL) >= 3


@pytest.mark.parametrize("block", ALL, ids=str)
def test_a_block_of_commands_is_run_or_says_why_not(block: Block) -> None:
    assert RUN.fullmatch(block.mark) or NOT_RUN.fullmatch(block.mark), (
        f"write <!-- run --> or <!-- not run: why --> above:\n{block.text}"
    )


def known_commands() -> Iterator[tuple[str, str]]:
    for block in ALL:
        yield from ((str(block), command) for command in block.commands)
    for name in (*pages.names(), "README"):  # tests/recipes runs them
        for block in blocks(pages.FOLDER / f"{name}.md"):
            yield from ((str(block), command) for command in block.commands)


def test_every_turnout_command_in_the_documentation_is_one_that_there_is() -> None:
    tried = 0
    for place, command in known_commands():
        words = [
            word
            for word in shlex.split(command.replace("SHA256:…", FINGERPRINT))
            if not re.fullmatch(r"[A-Z_]+=.*", word)
        ]
        if words[:1] != ["turnout"]:
            continue
        tried += 1
        try:
            parse(words[1:])
        except BadUsage as error:
            raise AssertionError(f"{place}: {command}: {error.message}") from None
    assert tried > 40


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[demo.DemoProject]:
    """The demo's servers and project, for the commands of all pages."""
    made = demo.prepare(tmp_path_factory.mktemp("shop"), bandwidth=None, photo_bytes=2000, winter_photo_bytes=2000)
    path = made.project.path
    path.write_text(path.read_text() + MORE)
    git = ("git", "-C", str(path.parent))
    subprocess.run([*git, "tag", "v1.4", made.commits[-1]], check=True)
    try:
        with made.fleet("staging") as staging:
            execute(staging, DeployRequest(ref=made.commits[0]), None, lambda event: None, Controls())
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(
    "page", sorted({block.page for block in ALL if RUN.fullmatch(block.mark)}), ids=lambda p: p.name
)
def test_the_commands_of_the_documentation_do_what_they_say(
    page: Path, shop: demo.DemoProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = shop.project.settings
    monkeypatch.setenv("TURNOUT_SSH_CONFIG", os.fspath(settings.ssh_config))
    monkeypatch.setenv("TURNOUT_CACHE_DIR", os.fspath(settings.cache))
    monkeypatch.chdir(shop.project.path.parent)
    with shop.fleet() as fleet:
        states = fleet.inspect().states
    live = {state.current for state in states.values()}
    for block in blocks(page):
        for command in block.commands if RUN.fullmatch(block.mark) else ():
            words = [word if word != "TAG" else str(next(iter(live))) for word in shlex.split(command)]
            if variable := re.fullmatch(r"([A-Z_]+)=(.*)", words[0]):
                monkeypatch.setenv(variable[1], variable[2])
                del words[0]
            assert words.pop(0) == "turnout", f"{block}: only turnout's commands are run: {command}"
            code = main([*words, *(["--no-follow"] if words[0] in ENDLESS else [])])
            assert code == 0, f"{block}: {command} ended with {code}\n{capsys.readouterr().err}"
            capsys.readouterr()
