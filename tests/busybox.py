"""A server that has nothing but BusyBox: dropbear in a folder that is its whole file system."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

from tests.processes import descendants, kill, name_of, process_ids
from tests.servers import Destination, SSHServer, need, new_key, unavailable

DEVICES = {"null": (1, 3), "zero": (1, 5), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
# The mount is seen by this server alone, and goes when it does. In a container that may not mount, /proc stays empty.
START_WITH_PROC = 'mount -t proc proc "$1/proc"; exec chroot "$@"'


class DropbearServer(SSHServer):
    """Dropbear in a chroot with BusyBox's applets as the only programs: no bash, no coreutils, no tar but BusyBox's.

    Needs root for chroot(2) and the device files. The login shell is BusyBox's ash.
    """

    user = "root"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        if os.getuid() != 0:
            unavailable("only root can give a server a file system of its own")
        self.tree = folder / "root"
        self.key = new_key(folder / "client_key")
        self._roots = itertools.count(1)
        self._copy_programs(need("busybox"), need("dropbear"))
        self._write_system_files()
        key_words = [need("dropbearkey"), "-t", "ed25519", "-f", str(self.tree / "etc/dropbear/host_key")]
        made = subprocess.run(key_words, check=True, capture_output=True, text=True)
        self.host_key = " ".join(re.findall(r"^(ssh-ed25519) (\S+)", made.stdout, re.MULTILINE)[0])
        chroot = ["chroot"]
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0:
            chroot = ["unshare", "--mount", "--propagation", "private", "sh", "-c", START_WITH_PROC, "sh"]
        dropbear = ["/usr/sbin/dropbear", "-F", "-E", "-s", "-r", "/etc/dropbear/host_key", "-P", "/run/dropbear.pid"]
        self._start_on_a_free_port(lambda port: [*chroot, str(self.tree), *dropbear, "-p", f"{self.host}:{port}"])

    def local(self, path: str) -> Path:
        return self.tree / path.lstrip("/")

    def place(self, folder: Path, alias: str) -> Destination:
        root = f"/srv/{next(self._roots)}/{alias}"
        self.local(root).mkdir(parents=True)
        return Destination(self, alias, root, self.local(root), self.port)

    def session_processes(self) -> list[int]:
        assert self._process is not None
        return [pid for pid in process_ids() if pid != self._process.pid and self._is_inside(pid)]

    def kill_sessions(self) -> list[int]:
        assert self._process is not None
        return kill([pid for pid in descendants(self._process.pid) if name_of(pid) == "dropbear"])

    def stop(self) -> None:
        if self._process is not None:
            self._end(self.session_processes())

    def _is_inside(self, pid: int) -> bool:
        try:
            return os.readlink(f"/proc/{pid}/root") == str(self.tree)
        except OSError:
            return False

    def _copy_programs(self, busybox: str, dropbear: str) -> None:
        self._copy(Path(busybox), "/bin/busybox")
        self._copy(Path(dropbear), "/usr/sbin/dropbear")
        listed = subprocess.run([busybox, "--list-full"], check=True, capture_output=True, text=True).stdout.split()
        for applet in {*listed, "bin/sh", "bin/ash"} - {"bin/busybox"}:
            link = self.tree / applet
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to("/bin/busybox")

    def _copy(self, program: Path, place: str) -> None:
        """Copy a program with the libraries that it is linked with; a static one has none."""
        linked = subprocess.run([need("ldd"), str(program)], check=False, capture_output=True, text=True).stdout
        libraries = re.findall(r"(?:=> )?(/\S+) \(0x", linked)
        for source, target in [(str(program), place), *((library, library) for library in libraries)]:
            copy = self.local(target)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)

    def _write_system_files(self) -> None:
        for name in ("dev", "etc/dropbear", "proc", "root/.ssh", "run", "srv", "tmp", "var/log"):
            (self.tree / name).mkdir(parents=True, exist_ok=True)
        (self.tree / "tmp").chmod(0o1777)
        (self.tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (self.tree / "etc/group").write_text("root:x:0:\n")
        (self.tree / "etc/shells").write_text("/bin/sh\n/bin/ash\n")
        shutil.copy(self.folder / "client_key.pub", self.tree / "root/.ssh/authorized_keys")
        for private in (self.tree, self.tree / "root", self.tree / "root/.ssh"):
            private.chmod(0o755 if private == self.tree else 0o700)
        try:
            for name, (major, minor) in DEVICES.items():
                os.mknod(self.tree / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
                (self.tree / "dev" / name).chmod(0o666)
            (self.tree / "dev/null").write_bytes(b"")
        except PermissionError:
            unavailable(f"device files cannot be made or used below {self.tree}")
