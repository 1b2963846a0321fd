"""Real users and groups of this machine, and an sshd that lets them in: only where root runs the tests."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.processes import command_of, kill, process_ids
from tests.servers import Destination, OpenSSHServer, need, unavailable

SUDOERS = Path("/etc/sudoers.d")


def run(*words: str | Path) -> str:
    """What a program prints; it has to end well."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


class Accounts(OpenSSHServer):
    """An sshd for users of its own, with names that nobody else has; all of them are in one group of their own.

    A context manager that removes them again, with what runs as them and what sudo was told of them.
    """

    def __init__(self, users: Sequence[str], *, own_programs: bool = False) -> None:
        """
        users          what a test calls them; `name` has the name that each has on this machine
        own_programs   logins see a /usr/bin of their own, which `change_programs` can change
        """
        self._own_programs = own_programs
        if os.getuid() != 0:
            unavailable("only root makes users")
        need("useradd")
        need("bash")
        # Everybody has to reach their key: pytest's own folders are closed.
        self.place_of_all = Path(tempfile.mkdtemp(prefix="turnout-accounts-", dir="/var/tmp"))
        self.place_of_all.chmod(0o755)
        self.mark = f"tt{secrets.token_hex(4)}"
        self.group = self.mark
        self.names = {user: f"{self.mark}-{user}" for user in users}
        self.rules = SUDOERS / self.mark
        try:
            run("groupadd", self.group)
            for name in self.names.values():
                home = self.place_of_all / name
                run("useradd", "-m", "-d", home, "-s", "/bin/bash", "-p", "*", "-G", self.group, name)
            (self.place_of_all / "sshd/programs").mkdir(parents=True)
            super().__init__(self.place_of_all / "sshd")
            self.folder.chmod(0o755)
        except BaseException:
            self._remove()
            raise

    def _config(self, port: int, log_level: str, stand_in: Path | None) -> str:
        lines = super()._config(port, log_level, stand_in).splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith(("SetEnv", "UsePAM"))) + "UsePAM no\n"

    def _start(self, words: list[str]) -> bool:
        if not self._own_programs:
            return super()._start(words)
        over = "mount -t overlay over -o lowerdir=/usr/bin,upperdir=$0/up,workdir=$0/work /usr/bin"
        made = f'mount -t tmpfs own "$0" && mkdir "$0/up" "$0/work" && {over} && exec "$@"'
        return super()._start(["unshare", "-m", "sh", "-c", made, str(self.folder / "programs"), *words])

    def change_programs(self, command: str) -> None:
        """Run a shell command in /usr/bin as logins see it."""
        assert self._own_programs and self._process
        # setpriv and unshare become what they start.
        run("nsenter", "-t", str(self._process.pid), "-m", "sh", "-c", f"cd /usr/bin && {command}")

    def name(self, user: str) -> str:
        """The name that a user has on this machine."""
        return self.names[user]

    def home_of(self, user: str) -> Path:
        return self.place_of_all / self.name(user)

    def root(self, owner: str = "") -> Path:
        """A fresh folder for a deploy root, which `owner` may write to."""
        folder = self.place_of_all / f"root-{secrets.token_hex(4)}"
        folder.mkdir()
        if owner:
            shutil.chown(folder, self.name(owner))
        folder.chmod(0o755)
        return folder

    def login(self, folder: Path, alias: str) -> Destination:
        """A folder as a deploy root, which all of them reach as this server."""
        return Destination(self, alias, str(folder), folder, self.port)

    @contextmanager
    def sudo(self, *lines: str) -> Iterator[None]:
        """Tell sudo these lines meanwhile; `{ana}` is the name of a user."""
        need("sudo")
        text = "".join(f"{line}\n" for line in lines).format(**self.names)
        draft = self.place_of_all / "rules"
        draft.write_text(text)
        run(need("visudo"), "-cf", draft)
        draft.chmod(0o440)
        shutil.move(draft, self.rules)
        try:
            yield
        finally:
            self.rules.unlink(missing_ok=True)

    def as_user(self, user: str, command: str) -> str:
        """What a command prints that one of the users runs on this machine."""
        return run("runuser", "-u", self.name(user), "--", "/bin/sh", "-c", f"cd / && {command}")

    def processes(self, user: str) -> list[str]:
        """The command lines of what runs as one of the users."""
        uid = int(run("id", "-u", self.name(user)))
        return [command_of(pid) for pid in process_ids() if _owner(pid) == uid]

    def stop(self) -> None:
        super().stop()
        self._remove()

    def _remove(self) -> None:
        self.rules.unlink(missing_ok=True)
        uids = set()
        for name in self.names.values():
            with suppress(AssertionError):
                uids.add(int(run("id", "-u", name)))
        kill([pid for pid in process_ids() if _owner(pid) in uids])
        for name in self.names.values():
            # -f: what was killed a moment ago may not be gone yet.
            subprocess.run(["userdel", "-f", name], capture_output=True, check=False)
        subprocess.run(["groupdel", self.group], capture_output=True, check=False)
        shutil.rmtree(self.place_of_all, ignore_errors=True)


def _owner(pid: int) -> int:
    with suppress(OSError):
        return os.stat(f"/proc/{pid}").st_uid
    return -1
