"""An sshd with an obstacle in it: lines of its configuration, an ordinary user, programs missing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.servers import OpenSSHServer, need, unavailable

ORDINARY = 65534
"""The user id that logins get where this process is root: modes stop root nowhere."""


_HIDE = """empty=$1; shift
while [ "$1" != -- ]; do mount --bind "$empty" "$1" || exit; shift; done; shift
exec "$@"
"""


class ObstacleServer(OpenSSHServer):
    """OpenSSH's sshd with what stands in the way.

    lines      of sshd_config, which come first and so count
    ordinary   logins are an ordinary user's, also where this process is root
    without    a program that its logins do not find: an empty file is mounted over it, where only they see it
    """

    def __init__(self, folder: Path, *, lines: str = "", ordinary: bool = False, without: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lines = lines
        self._hidden = self._places(without) if without else []
        self.uid = os.getuid()
        if ordinary and self.uid == 0:
            self.uid = ORDINARY
            login = folder / "login"
            become = f"{need('setpriv')} --reuid {ORDINARY} --regid {ORDINARY} --clear-groups"
            login.write_text(f'#!/bin/sh\nexec {become} /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n')
            login.chmod(0o755)
            self._lines += f"\nForceCommand {login}\n"
        super().__init__(folder)

    @staticmethod
    def _places(program: str) -> list[str]:
        """Where a program lies, in every folder of programs."""
        if os.getuid() or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
            unavailable("only root can hide a program from a server")
        folders = {os.path.realpath(folder) for folder in (*os.defpath.split(":"), "/usr/bin", "/usr/sbin") if folder}
        return [f"{folder}/{program}" for folder in folders if os.path.exists(f"{folder}/{program}")]

    def _start(self, words: list[str]) -> bool:
        if self._hidden:
            empty = self.folder / "empty"
            empty.touch(0o644)
            words = ["unshare", "--mount", "sh", "-c", _HIDE, "sh", str(empty), *self._hidden, "--", *words]
        return super()._start(words)

    def _config(self, port: int, log_level: str, stand_in: Path | None) -> str:
        return f"{self._lines}\n{super()._config(port, log_level, stand_in)}"
