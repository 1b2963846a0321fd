"""A whole working day in a real terminal, over OpenSSH servers: what an operator types, sees, and leaves behind."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from core import layout
from core.records.journal import JournalLine, parse_journal_line
from tests.conftest import ProjectFactory, Servers
from tests.engine.commands import start
from tests.processes import command_of, environ_of, process_ids
from tests.projects import SampleProject, hook
from tests.servers import Destination, need
from tests.tui.test_terminal import TURNOUT, Tmux
from tests.waiting import PATIENCE, until

MORE = """
[environments.production]
protected = true
servers = [
  {{ name = "web2", host = "web2", root = "{production[0].root}" }},
  {{ name = "web3", host = "web3", root = "{production[1].root}" }},
]

[[logs]]
name = "app"
file = "{log}"
"""

HELD = hook("prepare", "while [ -e hold ]; do echo a colleague works; sleep 0.2; done", where="operator")
"""Lasts as long as there is a file `hold` beside turnout.toml."""

KINDS = ("deploy", "rollback", "prune", "promote")


def page(place: Destination) -> str:
    """What is live on a server."""
    file = place.files / "current/index.html"
    return file.read_text() if file.exists() else ""


def live(place: Destination) -> str:
    """The tag that `current` leads to."""
    return Path(os.readlink(place.files / layout.CURRENT)).name


def present(place: Destination) -> list[str]:
    """The releases that have files, the oldest first."""
    return sorted(os.listdir(place.files / layout.RELEASES))


def journal(place: Destination) -> list[JournalLine]:
    text = (place.files / layout.OWN / "journal.jsonl").read_text()
    return [parse_journal_line(line) for line in text.splitlines()]


def ends(place: Destination) -> list[tuple[str, str]]:
    """Kind and outcome of every operation that a server's journal tells of."""
    return [(line.kind, line.outcome) for line in journal(place) if line.what == "end"]


class Day:
    """Parts of the day; staging is shown unless a part says otherwise."""

    def __init__(self, terminal: Tmux, shop: SampleProject, stage: Destination, production: list[Destination]) -> None:
        self.terminal = terminal
        self.shop = shop
        self.stage = stage
        self.production = production

    def opens_staging(self) -> None:
        self.terminal.shows("2 environments")
        self.terminal.press("Enter")
        screen = self.terminal.shows("no release on staging yet")
        assert max(len(line) for line in screen.splitlines()) > 100, "the program has the whole terminal"

    def is_told(self, where: str, *places: Destination) -> None:
        """Wait for the receipt of what is live now, and for the servers that say so: the next one may begin."""
        short = live(places[0]).rpartition("-")[2]
        self.terminal.shows(f"{short} LIVE on {where} ")
        self.terminal.shows("y copy for the channel")
        for place in places:
            self.terminal.shows(f"● {place.alias}  {short}")

    def deploys(self, text: str) -> None:
        self.shop.commit({"index.html": text}, f"The {text} page")
        self.terminal.press("D")
        self.terminal.shows(f"The {text} page")
        self.terminal.press("Enter")
        self.terminal.agree("y  Deploy")
        until(lambda: page(self.stage) == text, f"{text} is live")
        self.is_told("web1", self.stage)

    def watches_a_colleague_deploy(self, text: str) -> None:
        self.shop.commit({"index.html": text}, f"The {text} page")
        hold = self.shop.folder / "hold"
        hold.touch()
        colleague = start(self.shop, "deploy", "staging", "--yes")
        try:
            self.terminal.shows("BARRIER")
            self.terminal.press("w")
            self.terminal.shows("a colleague works")
        finally:
            hold.unlink()
            said = "".join(colleague.communicate(timeout=PATIENCE))
        assert colleague.returncode == 0, said
        assert page(self.stage) == text
        self.is_told("web1", self.stage)

    def reads_a_log(self, log: Path) -> None:
        self.terminal.press("l")
        self.terminal.shows("the app began")
        with log.open("a") as file:
            file.write("ERROR no more stock\n")
        self.terminal.shows("ERROR no more stock")

    def compares_in_a_small_window(self) -> None:
        self.terminal.press("2")
        self.terminal.press("G")
        self.terminal.press("c")
        self.terminal.shows("2 commits, 1 file, +1 −1")
        self.terminal.resize(80, 24)
        until(lambda: self.terminal.screen().splitlines()[-1].rstrip().endswith("q Quit"), "the small screen")
        self.terminal.shows("M index.html")
        self.terminal.resize(120, 34)
        until(lambda: len(self.terminal.screen().rstrip().splitlines()) == 34, "the large screen")
        self.terminal.shows("M index.html")

    def undoes(self, text: str, button: str = "y  Roll back") -> None:
        self.terminal.press("u")
        self.terminal.agree(button)
        until(lambda: page(self.stage) == text, f"{text} is live again")
        self.is_told("web1", self.stage)

    def promotes(self, text: str) -> None:
        self.terminal.press("e")
        self.terminal.shows("2 environments")
        self.terminal.press("Down")
        self.terminal.shows("─ production ─")  # two keys at once would count as pasted
        self.terminal.press("p")
        self.terminal.shows("Enter  Promote")
        self.terminal.press("-l", "production")
        self.terminal.shows("to go on  production")
        self.terminal.agree("Enter  Promote", "Enter")
        until(lambda: {page(place) for place in self.production} == {text}, "it is live in production")
        self.is_told("2", *self.production)

    def prunes_the_oldest(self) -> None:
        self.terminal.press("e")
        self.terminal.shows("2 environments")
        self.terminal.press("Up")
        self.terminal.shows("─ staging ─")
        self.terminal.press("Enter")
        self.terminal.shows("The first page")
        self.terminal.press("2")
        self.terminal.press("G")
        self.terminal.press("Space")
        self.terminal.shows("1 marked")
        self.terminal.press("P")
        self.terminal.agree("y  Prune")
        self.terminal.shows("pruned 1 release on 1 server")
        self.terminal.shows("pruned: The first page")

    def reads_the_history(self) -> None:
        self.terminal.press("t")
        screen = self.terminal.shows("nothing → ")
        rows = [line.split() for line in screen.splitlines() if line.strip()[:2] in ("✓ ", "○ ")]
        told = [words[1] for words in rows if words[1] in KINDS]
        assert told == ["prune", "rollback", "rollback", "deploy", "deploy", "deploy"], screen
        self.terminal.press("Enter")
        self.terminal.shows("Esc back to the list")
        self.terminal.press("/")  # whatever part of the stored events of the prune is seen
        self.terminal.shows("text or a regular expression")
        self.terminal.press("-l", "pruned 2")
        self.terminal.shows("in 1 line")
        self.terminal.press("Enter")
        self.terminal.shows("pruned 20")
        self.terminal.press("Escape")
        self.terminal.shows("Esc back to the list")
        self.terminal.press("Escape")
        self.terminal.shows("nothing → ")


@pytest.mark.slow
def test_a_whole_working_day(tmp_path: Path, servers: Servers, project_factory: ProjectFactory) -> None:
    need("sshd")
    stage, *production = servers(3, separate=True)
    others = {pid for place in (stage, *production) for pid in place.server.session_processes()}
    log = tmp_path / "app.log"
    log.write_text("the app began\n")
    more = MORE.format(production=production, log=log)
    shop = project_factory([stage], environment="staging", extra=more + HELD)
    with closing(Tmux(tmp_path, shop.folder, *TURNOUT, size=(120, 34), TURNOUT_TEST_DAY=str(tmp_path))) as terminal:
        day = Day(terminal, shop, stage, production)
        day.opens_staging()
        day.deploys("first")
        day.deploys("second")
        day.watches_a_colleague_deploy("third")
        day.reads_a_log(log)
        day.compares_in_a_small_window()
        day.undoes("second")
        day.undoes("third", "y  Undo the rollback")
        day.promotes("third")
        day.prunes_the_oldest()
        day.reads_the_history()
        terminal.press("q")
        assert terminal.ended() == 0

    begun = [line.tag for line in journal(stage) if line.what == "begin"]
    first, second, third = begun[:3]
    assert begun[3:] == [second, third]
    assert [live(place) for place in (stage, *production)] == [third] * 3
    assert present(stage) == [second, third]
    assert [present(place) for place in production] == [[third]] * 2
    assert ends(stage) == [(kind, "done") for kind in ("deploy", "deploy", "deploy", "rollback", "rollback", "prune")]
    assert [ends(place) for place in production] == [[("promote", "done")]] * 2
    assert journal(stage)[-1].pruned == (first,)
    for place in (stage, *production):
        assert not (place.files / layout.LOCK).exists()
        last = (place.files / layout.TRANSITIONS).read_text().splitlines()[-1]
        assert parse_journal_line(last).what == "end", last
        until(
            lambda server=place.server: others.issuperset(server.session_processes()),
            lambda server=place.server: f"still running: {[*map(command_of, {*server.session_processes()} - others)]}",
        )
    mark = f"TURNOUT_TEST_DAY={tmp_path}".encode()
    until(lambda: not [pid for pid in process_ids() if mark in environ_of(pid)], "nothing to run here")
