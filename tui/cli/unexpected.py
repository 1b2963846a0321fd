"""What nothing expected, as an error with the right exit code: what is known of the servers decides, not the error."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.errors import (
    EXIT_FAILED,
    EXIT_USAGE,
    Cancelled,
    CannotRun,
    FleetError,
    InternalError,
    NeedsPerson,
    TurnoutError,
)

if TYPE_CHECKING:
    from tui.view.log import Narrator


def explained(problem: BaseException, narrator: Narrator) -> TurnoutError:
    """What came out of the command itself, as an error that says what is known; call it while it is handled."""
    if isinstance(problem, TurnoutError):
        return problem
    if isinstance(problem, KeyboardInterrupt) and not narrator.environment:
        return Cancelled("interrupted", hint="nothing was changed")
    what = f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__
    detail = traceback.format_exc()
    if narrator.finished is not None:
        ended = narrator.finished
        error = TurnoutError(
            f"Turnout failed after the operation had ended: {what}",
            detail=detail,
            hint=f"the operation itself: {ended.outcome}: {ended.summary}",
        )
        error.exit_code = ended.exit_code
        return error
    if narrator.environment:
        return NeedsPerson(
            f"Turnout failed in the middle of the operation: {what}",
            detail=detail,
            hint="each server's agent cleans up and unlocks once this process is gone; then run "
            f"`turnout recover {narrator.environment}` to see which release is live on each server",
        )
    return CannotRun(f"Turnout cannot run here: {what}", detail=detail, hint="nothing was touched")


def placed(error: TurnoutError, narrator: Narrator) -> TurnoutError:
    """The error, where it is a fault of the engine before anything had begun, with the code for that: nothing was put
    back because nothing was touched."""
    if error.exit_code == EXIT_FAILED and not narrator.environment:
        faults = list(_faults(error))
        for fault in faults:
            fault.exit_code = EXIT_USAGE
        if faults:
            error.exit_code = EXIT_USAGE
    return error


def _faults(error: TurnoutError) -> Iterator[TurnoutError]:
    errors = error.errors.values() if isinstance(error, FleetError) else [error]
    return (fault for fault in errors if isinstance(fault, InternalError))
