"""Which turnout.toml a command reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UsageError

if TYPE_CHECKING:
    from tui.cli.arguments import Options


def config_file(options: Options) -> Path | None:
    """The one that is named, else the nearest; None where there is none. OSError without a current folder."""
    from core import config

    return Path(options.config).absolute() if options.config else config.find(Path.cwd())


def needed(path: Path | None) -> Path:
    """The file, where a command cannot do without. Raises UsageError."""
    if path is None:
        raise UsageError(
            f"there is no turnout.toml in {Path.cwd()} or a folder above",
            hint="`turnout init` writes one; --config FILE names one elsewhere",
        )
    return path
