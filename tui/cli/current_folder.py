"""The folder that a command is started in, which may be gone."""

from __future__ import annotations

from pathlib import Path

from core.errors import CannotRun


def current_folder() -> Path:
    """The folder that the command was started in. CannotRun where it has been removed."""
    try:
        return Path.cwd()
    except OSError as error:
        raise cannot_read(error) from None


def cannot_read(error: OSError) -> CannotRun:
    """The error for what the system says of it."""
    return CannotRun(
        f"the current folder cannot be read: {error.strerror}",
        hint="it may have been removed; change to another folder, or pass --config /FOLDER/turnout.toml",
    )
