"""The barrier, the switch and the way back: one picture, that never shows more than what has happened."""

from __future__ import annotations

from core.events import HookStarted, PhaseFinished
from tests.operations import T, checking, deploying, failed, going_back, staged, switched, through
from tui.view.glyphs import ASCII, UNICODE, Glyphs
from tui.view.lines import plain
from tui.view.progress import Progress
from tui.view.switch_lines import in_sight, moving, switch_lines


def drawn(
    progress: Progress, now: float, cells: int = 60, *, motion: bool = False, glyphs: Glyphs = UNICODE
) -> list[str]:
    return [plain(spans).rstrip() for spans in switch_lines(progress, cells, now, glyphs, motion=motion)]


def test_there_is_nothing_to_see_before_the_barrier() -> None:
    assert not in_sight(deploying(3))
    assert in_sight(staged(deploying(3)))


def test_at_the_barrier_all_are_ready_and_nothing_has_changed() -> None:
    assert drawn(staged(deploying(3)), T + 20) == [
        "━━━━━━━━━━━━━━━━━━━━━━━ ALL 3 READY ━━━━━━━━━━━━━━━━━━━━━━━",
        "  nothing has changed yet · live 9ab01cd on 3",
        "  9ab01cd ━━┳━━ ○ web1  ○ web2  ○ web3",
        "  3f2c1ab   ┗━━",
    ]


def test_a_single_server_is_called_by_its_name() -> None:
    assert drawn(staged(deploying(1)), T + 20)[0].strip("━") == " web1 READY "


def test_what_holds_the_barrier_is_named() -> None:
    progress = staged(deploying(3))
    progress.apply(HookStarted(on="before-switch", run="maintenance on", server="web1", time=T + 20))
    progress.apply(HookStarted(on="before-switch", run="maintenance on", server="web2", time=T + 20))
    assert drawn(progress, T + 22)[1] == "  before-switch hook on 2 servers: maintenance on  2.0 s"


def test_servers_leave_the_old_track_for_the_new_one() -> None:
    assert drawn(switched(deploying(3), 2), T + 22) == [
        "━━━━━━━━━━━━━━━━━━━━━━ SWITCHING 2/3 ━━━━━━━━━━━━━━━━━━━━━━",
        "",
        "  9ab01cd ━━┳━━ ○ web3",
        "  3f2c1ab   ┗━━ ● web1  ● web2",
    ]


def test_many_servers_are_a_cell_each_and_very_many_share_cells() -> None:
    assert drawn(switched(deploying(20), 12), T + 22)[2:] == [
        "  9ab01cd ━━┳━━ ○○○○○○○○ 8",
        "  3f2c1ab   ┗━━ ●●●●●●●●●●●● 12",
    ]
    assert drawn(switched(deploying(100), 50), T + 22)[2:] == [
        "  9ab01cd ━━┳━━ " + "○" * 20 + " 50",
        "  3f2c1ab   ┗━━ " + "●" * 20 + " 50",
    ]
    text = drawn(switched(deploying(20), 12), T + 22, glyphs=ASCII)
    assert text[3] == "  3f2c1ab   +== ************ 12"


def test_in_motion_they_turn_over_one_after_the_other_and_never_before_they_have() -> None:
    progress = switched(deploying(100), 60)
    assert drawn(progress, T + 21, motion=True)[0].strip("━ ") == "ALL 100 READY"
    counts = [drawn(progress, T + 21.05 + step / 10, motion=True)[3].count("●") for step in range(10)]
    assert counts == sorted(counts) and 0 < counts[0] < counts[3] < counts[6] < counts[-1]
    assert drawn(progress, T + 22, motion=True)[0].strip("━ ") == "SWITCHING 60/100"
    assert drawn(progress, T + 21, motion=False)[0].strip("━ ") == "SWITCHING 60/100"


def test_the_motion_is_bounded() -> None:
    progress = switched(deploying(3))
    assert moving(progress, T + 21.5) and not moving(progress, T + 23)
    assert not moving(progress, T - 100), "the clock of another machine is ahead"
    assert not moving(staged(deploying(3)), T + 20)


def test_checks_tick_the_servers_off() -> None:
    assert drawn(checking(deploying(3), 1), T + 25) == [
        "━━━━━━━━━━━━━━━━━━━━━━ ALL 3 SWITCHED ━━━━━━━━━━━━━━━━━━━━━━",
        "  checks: 1 of 3 servers passed",
        "  9ab01cd ━━┳━━",
        "  3f2c1ab   ┗━━ ✓ web1  ● web2  ● web3",
    ]


def test_hooks_after_the_switch_are_said() -> None:
    progress = switched(deploying(3))
    progress.apply(HookStarted(on="after-switch", run="systemctl reload shop", server="web1", time=T + 22))
    assert drawn(progress, T + 23, 70)[1] == "  after-switch hook on 1 server: systemctl reload shop  1.0 s"


def test_the_way_back_is_the_same_picture_backwards_and_says_why() -> None:
    progress = going_back(checking(deploying(3), 0), 1)
    assert drawn(progress, T + 32) == [
        "━━━━━━━━━━━━━━━━━━━━━━ GOING BACK 1/3 ━━━━━━━━━━━━━━━━━━━━━━",
        "  because the check failed after 10 attempts: /healthz (web…",
        "  9ab01cd ━━┳━━ ○ web1",
        "  3f2c1ab   ┗━━ ✗ web2  ● web3",
    ]
    progress = going_back(checking(deploying(3), 0), 3)
    assert [line.split()[1] for line in drawn(progress, T + 30.3, motion=True)[2:]] == ["━━┳━━", "┗━━"]
    assert drawn(progress, T + 30.3, motion=True)[0].strip("━ ") == "GOING BACK 1/3"
    assert drawn(progress, T + 32)[0].strip("━ ") == "ALL 3 BACK"


def test_a_switch_on_the_way_back_leaves_the_switch_as_it_was() -> None:
    progress = going_back(checking(deploying(3), 0), 0)
    before = dict(progress.servers["web1"].phases)
    through(progress, "web1", "switch", at=T + 31)
    assert progress.servers["web1"].phases == {**before, "back": progress.servers["web1"].phases["back"]}
    assert "back" not in progress.phases


def test_a_failure_before_the_switch_has_no_picture() -> None:
    progress = deploying(3)
    progress.apply(PhaseFinished(server="web2", phase="upload", seconds=1, outcome="failed", time=T + 5))
    assert not in_sight(failed(progress))
