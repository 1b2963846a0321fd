"""An sshd with an obstacle in it: lines of its configuration, an ordinary user, programs missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.servers import OpenSSHServer, need

ORDINARY = 65534
"""The user id that logins get where this process is root: modes stop root nowhere."""


class ObstacleServer(OpenSSHServer):
    """OpenSSH's sshd with what stands in the way.

    lines      of sshd_config, which come first and so count
    ordinary   logins are an ordinary user's, also where this process is root
    programs   the only ones that logins find in PATH, besides the shell's own commands; None: all
    """

    def __init__(
        self, folder: Path, *, lines: str = "", ordinary: bool = False, programs: set[str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lines = lines
        words = []
        if programs is not None:
            tools = folder / "programs"
            tools.mkdir()
            for name in programs:
                (tools / name).symlink_to(need(name))
            words.append(f"PATH={tools}; export PATH")
        self.uid = os.getuid()
        become = ""
        if ordinary and self.uid == 0:
            self.uid = ORDINARY
            become = f"{need('setpriv')} --reuid {ORDINARY} --regid {ORDINARY} --clear-groups "
        if words or become:
            login = folder / "login"
            shell = shutil.which("dash") or "/bin/sh"
            command = "command=$SSH_ORIGINAL_COMMAND; unset SSH_ORIGINAL_COMMAND"
            login.write_text("\n".join(["#!/bin/sh", command, *words, f'exec {become}{shell} -c "$command"', ""]))
            login.chmod(0o755)
            self._lines += f"\nForceCommand {login}\n"
        super().__init__(folder)

    def _config(self, *facts: object) -> str:
        return f"{self._lines}\n{super()._config(*facts)}"  # type: ignore[arg-type]
