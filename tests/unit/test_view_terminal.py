"""What commands print: the dashboard's lines in any width, and nothing from a server reaches the terminal raw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from core.doctor import Finding
from core.drift import Drift, Verification
from core.records import Lock, Record, Release
from core.recovery import Before, Interruption
from tests.states import state
from tui.view.drift_lines import server_lines
from tui.view.finding_lines import finding_lines, finding_summary
from tui.view.fleet import FleetView, ServerView
from tui.view.glyphs import ASCII, UNICODE
from tui.view.hostkeys import CHANGED, KNOWN, HostKey, key_lines
from tui.view.lines import ENDLESS, Line, plain
from tui.view.locks import lock_lines, running_line
from tui.view.matrix import table_lines
from tui.view.recovery_lines import interruption_lines
from tui.view.release_state import legend


def printed(lines: Iterable[Line]) -> list[str]:
    return [plain(spans).rstrip() for spans in lines]


def test_findings_read_server_by_server_with_what_to_do():
    findings = {
        "web1": [Finding("tar", "ok", "GNU tar 1.35"), Finding("clock", "warning", "13 s behind", "run ntpd")],
        "web2": [Finding("connection", "error", "refused\nin two lines \x1b[2J")],
    }
    assert printed(finding_lines(findings, UNICODE)) == [
        "web1",
        "  ✓ ok       tar         GNU tar 1.35",
        "  ! warning  clock       13 s behind",
        "                         -> run ntpd",
        "",
        "web2",
        "  ✗ error    connection  refused in two lines",
    ]
    assert finding_summary(findings) == "2 servers checked: 1 error, 1 warning"
    assert finding_summary({"web1": findings["web1"][:1]}) == "1 server checked: no problems found"


def release(tag: str, seq: int, *, present: bool = True, live: bool = False, **more: Any) -> Release:
    record = Record(tag=tag, seq=seq, created=1000.0 * seq, by="ana@laptop", bytes=58_000_000, **more)
    return Release(tag=tag, record=record, present=present, live=live)


WEB1 = state(
    "web1",
    release("t1", 1, present=False, subject="Old"),
    release("t2", 2, failed="HTTP 500", subject="Bad 日本語"),
    release("t3", 3, live=True, subject="Good"),
    current="t3",
)
FLEET = FleetView.of(
    "shop",
    "production",
    [
        ServerView("web1", WEB1),
        ServerView("web2", state("web2", release("t3", 3, subject="Good"))),
        ServerView("web3"),
    ],
)


def test_the_table_has_a_line_a_release_that_begins_with_its_tag_and_a_column_a_server() -> None:
    assert printed(table_lines(FLEET, ENDLESS, UNICODE, 3034.0)) == [
        "release  state     what                     deployed  by           size  web1 web2 web3",
        "t3       live 1/3  Good                     34 s ago  ana         58 MB   ●    ○    ?",
        "t2       failed    HTTP 500 (Bad 日本語)  17 min ago  ana         58 MB   ✗    ·    ?",
        "t1       pruned    Old                    34 min ago  ana         58 MB   ◌    ·    ?",
    ]


def test_a_narrow_terminal_gets_whole_tags_and_every_line_fits() -> None:
    tag = "20261121T193000Z-3f2c1ab"
    names = [f"webserver{number}" for number in range(1, 13)]
    servers = [ServerView(name, state(name, release(tag, 1, subject="x" * 200), current=tag)) for name in names]
    lines = printed(table_lines(FleetView.of("shop", "production", servers), 80, ASCII, 1060.0))
    assert lines[1].startswith(f"{tag} ") and lines[1].endswith("o" * 12)
    assert max(len(text) for text in lines) <= 80


def test_the_table_of_no_release_has_no_head() -> None:
    assert table_lines(FleetView.of("shop", "production", [ServerView("web1")]), 80, UNICODE, 0) == []


def test_the_legend_explains_just_the_signs_in_use() -> None:
    assert plain(legend(ASCII, {"kept"})) == "o kept"
    assert plain(legend(UNICODE, {"pruned", "live"})) == "● live   ◌ pruned, can be sent again"


INTERRUPTED = Interruption(
    operation="0a1b",
    kind="deploy",
    who="ana@ci",
    time=1000.0,
    phase="switch",
    tag="20261121T193000Z-3f2c1ab",
    switched={"web1": Before(tag="one", target="releases/one"), "db": Before(tag="", target="")},
    waiting=("web3",),
)
LOCK = Lock(operation="0a1b", kind="deploy", who="ana\x1b[31m@ci", since=1000.0, age=240.0, silence=3.0, phase="upload")


def test_an_interruption_says_what_is_live_where_with_whole_tags() -> None:
    assert printed(interruption_lines(INTERRUPTED, ENDLESS, 1240.0, UNICODE)) == [
        "interrupted deploy 4 min ago by ana@ci: web1, db switched; web3 not",
        "  ● web1  switched: 20261121T193000Z-3f2c1ab is live; before it, one",
        "  ● db    switched: 20261121T193000Z-3f2c1ab is live; before it, nothing",
        "  ○ web3  not switched",
    ]


def test_a_running_operation_comes_with_the_command_that_follows_it() -> None:
    said = plain(running_line(LOCK, "production"))
    assert said.startswith("running: ana@ci: deploy since") and said.endswith("-> turnout watch production")


def test_locks_distinguish_a_living_owner_from_a_dead_one() -> None:
    dead = replace(LOCK, alive=False)
    states = {"web1": state("web1", lock=LOCK), "db": state("db", lock=dead), "web3": state("web3")}
    held, left, free = printed(lock_lines(states))
    assert held.startswith("web1  ana@ci: deploy since 00:16:40 UTC (240 s ago), now in upload; last heartbeat")
    assert held.endswith("operation 0a1b")
    assert left.endswith("its process has died; the next operation takes over the lock")
    assert free == "web3  not locked"


def test_drift_is_cut_for_people() -> None:
    drift = Drift(changed=(b"a\x1b[2Jb",), added=tuple(b"new%d" % number for number in range(50)))
    verification = Verification("one", {"web1": drift, "web10": Drift()}, {})
    lines = printed(server_lines(verification, ["web2"], ENDLESS, UNICODE, 50))
    assert lines[0] == "! web1   1 changed, 50 added"
    assert lines[1] == r"    ~ changed  a\x1b[2Jb"
    assert lines[-3:] == [
        "    and 1 more; `turnout verify --json` lists all",
        "✓ web10  as deployed",
        "· web2   does not have its files",
    ]
    assert len(lines) == 50 + 4


def test_where_current_does_not_point_to_a_release_is_said_in_one_line() -> None:
    verification = Verification("", {}, {}, {"web1": "it leads to \x1b[2J/tmp"})
    assert printed(server_lines(verification, [], 30, UNICODE, 50)) == ["! web1  it leads to /tmp"]


def test_host_keys_are_columns_with_their_standing() -> None:
    keys = [
        HostKey(
            servers=("web1", "web2"), standing=KNOWN, host="[10.0.0.1]:2222", type="ssh-ed25519", fingerprint="SHA256:x"
        ),
        HostKey(servers=("db",), standing=CHANGED),
    ]
    known, changed = printed(key_lines(keys))
    assert known == "web1, web2  [10.0.0.1]:2222  ssh-ed25519  SHA256:x  known"
    assert changed.startswith("db ") and changed.endswith("REFUSED: it is not the recorded key")
    assert key_lines([]) == []
