"""Where each screen, dialog and tab is shown in a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.screen import Screen

from tui.dialogs.answer import AnswerDialog
from tui.dialogs.base import Ask, Dialog, Message
from tui.dialogs.edit import EditDialog, FormDialog, SaveDialog
from tui.dialogs.pick import DeployDialog, Pick, PruneDialog
from tui.dialogs.plan import PlanDialog
from tui.dialogs.promote import PromoteDialog
from tui.dialogs.reason import ReasonDialog
from tui.dialogs.recover import RecoverDialog
from tui.dialogs.stop import StopQuestion
from tui.dialogs.unlock import BreakLockDialog
from tui.palette import Palette
from tui.screens.dashboard import Dashboard
from tui.screens.environments import Environments
from tui.screens.help import HelpScreen
from tui.screens.panes import Panes
from tui.screens.welcome import Welcome

SHOWN_IN: Mapping[type[Screen[Any]], str] = {
    Dashboard: "main",
    Environments: "environments",
    Welcome: "test_welcome",
    HelpScreen: "test_help",
    Palette: "palette",
    DeployDialog: "revisions",
    PlanDialog: "plan_with_changes",
    PruneDialog: "test_prune_dialog",
    PromoteDialog: "promote",
    ReasonDialog: "reason",
    EditDialog: "form",
    FormDialog: "form_of_a_hook",
    SaveDialog: "save",
    StopQuestion: "cancel",
    AnswerDialog: "answer",
    RecoverDialog: "test_an_interrupted_deploy",
    BreakLockDialog: "test_breaking_a_lock",
    Ask: "test_unknown_host_key",
    Message: "test_changed_host_key",
}
"""Every screen and dialog, and the state of the tour, or the test of test_pictures.py, that shows it."""

TABS_SHOWN_IN = {
    "progress": "main",
    "log": "log",
    "details": "test_details_of_a_release",
    "changes": "changes",
    "history": "history",
    "preflight": "preflight",
    "logs": "logs",
}

BASES = {Dialog, Panes, Pick}
"""What only others are made of."""
