"""Which turnout.toml a command reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UsageError
from tui.cli.current_folder import cannot_read, current_folder

if TYPE_CHECKING:
    from tui.cli.arguments import Options


def config_file(options: Options) -> Path | None:
    """The one that is named, else the nearest; None where there is none. CannotRun without a current folder."""
    if options.config and Path(options.config).is_absolute():
        return Path(options.config)
    folder = current_folder()
    if options.config:
        return folder / options.config
    from core import config

    try:
        return config.find(folder)
    except OSError as error:
        raise cannot_read(error) from None


def needed(path: Path | None) -> Path:
    """The file, where a command cannot do without. Raises UsageError."""
    if path is None:
        raise UsageError(
            f"there is no turnout.toml in {current_folder()} or a folder above",
            hint="`turnout init` writes one; --config FILE names one elsewhere",
        )
    return path
