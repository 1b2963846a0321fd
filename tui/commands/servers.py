"""Commands about servers: look again, decide about a host key, change the environment."""

from __future__ import annotations

from core.errors import HostKeyChanged, HostKeyUnknown, TurnoutError
from tui.commands.base import RUNNING, Command, Desk
from tui.dialogs.hostkey import changed_key, unknown_key
from tui.keymap import LOOK
from tui.model.focus import Focus
from tui.model.workspace import Workspace


def _error(workspace: Workspace, focus: Focus) -> TurnoutError | None:
    """What is wrong with the server under the cursor."""
    server = workspace.fleet_view.server(focus.server)
    return server.error if server else None


def _no_key_waits(workspace: Workspace, focus: Focus) -> str:
    waits = isinstance(_error(workspace, focus), HostKeyUnknown | HostKeyChanged)
    return "" if waits else "no host key to decide about"


def _refresh(desk: Desk) -> None:
    focus = desk.here
    if focus.pane == "servers" and focus.server:
        desk.workspace.fleet_watch.check(focus.server)
    else:
        desk.workspace.fleet_watch.check()


def _reconnect(desk: Desk) -> None:
    desk.workspace.let_go()
    desk.workspace.fleet_watch.reconnect()


def _decide(desk: Desk) -> None:
    error = _error(desk.workspace, desk.here)
    if isinstance(error, HostKeyUnknown):
        ask_host_key(desk, error)
    elif isinstance(error, HostKeyChanged):
        desk.ask(changed_key(error), lambda _: None)


def offer_host_keys(desk: Desk) -> None:
    """Show a key that was not accepted yet, once, if no other question is open."""
    if not desk.is_free or desk.workspace.operation_runs:
        return
    for error in desk.workspace.fleet_watch.unknown_keys():
        if error.fingerprint + error.host not in desk.asked_keys:
            ask_host_key(desk, error)
            return


def ask_host_key(desk: Desk, error: HostKeyUnknown) -> None:
    """Ask a person about a key; accepting writes known_hosts and looks at the server again."""
    watch = desk.workspace.fleet_watch
    desk.asked_keys.add(error.fingerprint + error.host)
    waiting = len(watch.unknown_keys())
    place = f" ({waiting} servers to decide about)" if waiting > 1 else ""

    def answered(accepted: bool | None) -> None:
        if accepted:
            watch.accept(error, recorded)
        else:
            offer_host_keys(desk)

    def recorded(fault: TurnoutError | None) -> None:
        if fault is not None:
            desk.notice(fault.title, "The key was not recorded", "error")

    desk.ask(unknown_key(error, desk.glyphs, desk.keymap.shown("yes"), place), answered)


def _one_environment(workspace: Workspace, focus: Focus) -> str:
    return "there is only one environment" if len(workspace.project.environments) < 2 else ""


def _busy(workspace: Workspace, focus: Focus) -> str:
    return RUNNING if workspace.operation_runs else ""


COMMANDS = (
    Command(
        id="refresh", keys="r", help="check the server under the cursor again, or all servers", group=LOOK,
        title="Refresh", label="Refresh", rank=9, place=40,
        in_bar=lambda workspace, focus: focus.pane == "servers", run=_refresh,
    ),
    Command(
        id="refresh-all", keys="ctrl+r", help="reconnect to all servers and check them again", group=LOOK,
        title="Reconnect to all servers", why_not=_busy, run=_reconnect,
    ),
    Command(
        id="accept", keys="A", help="see an unknown host key and accept or refuse it", group=LOOK,
        title="Decide about a host key", label="Host key", rank=1, place=20,
        in_bar=lambda workspace, focus: focus.pane == "servers" and not _no_key_waits(workspace, focus),
        why_not=_no_key_waits, run=_decide,
    ),
    Command(
        id="preflight", keys="i", help="check that every server is ready for a deploy; changes nothing", group=LOOK,
        title="Preflight: check that every server is ready for a deploy", run=lambda desk: desk.show_tab("preflight"),
    ),
    Command(
        id="environment", keys="e", help="all environments: what is live and what runs in each", group=LOOK,
        title="Show all environments", label="Environments", rank=7, place=60,
        in_bar=lambda workspace, focus: not _one_environment(workspace, focus),
        why_not=_one_environment, run=lambda desk: desk.show_environments(),
    ),
)  # fmt: skip
