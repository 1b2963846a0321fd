"""Real SSH servers, started as ordinary processes on loopback ports, each with keys and folders of its own."""

from __future__ import annotations

import math
import os
import pwd
import shlex
import shutil
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests import logins
from tests.processes import children, descendants, environ_of, kill, name_of, process_ids
from tests.waiting import PATIENCE
from tui.demo.servers import embedded

HOST = "127.0.0.1"
PORTS_TO_TRY = 10
SHELLS = ("bash", "dash", "zsh", "fish")
# Ordinary users often lack these folders in PATH, and the servers are there.
PROGRAM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
LOGIN = os.environ.get("TURNOUT_TEST_LOGIN", "hostile")
"""What logins are like on servers that tests share: `hostile` (see tests/logins.py), or `tidy`."""


def unavailable(reason: str) -> NoReturn:
    """Skip this test, or fail it where TURNOUT_TEST_STRICT=1 says that everything is to be tested."""
    if os.environ.get("TURNOUT_TEST_STRICT") == "1":
        pytest.fail(f"{reason} (and TURNOUT_TEST_STRICT=1)", pytrace=False)
    pytest.skip(reason)


def program(name: str) -> str | None:
    """The path of an installed program, also one for administrators; an empty file is none."""
    folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep), *PROGRAM_FOLDERS]
    paths = (shutil.which(name, path=folder) for folder in folders if folder)
    return next((path for path in paths if path is not None and os.path.getsize(path)), None)


def need(name: str) -> str:
    """The path of a program that this test cannot do without; see `unavailable`."""
    path = program(name)
    if path is None:
        unavailable(f"{name} is not installed")
    return path


def quoted(path: Path) -> str:
    """A path as a word of ssh's files: the folder of the tests may have a space in its name."""
    return f'"{path}"' if " " in str(path) else str(path)


@dataclass(frozen=True)
class Destination:
    """One deploy root on one running server, as one entry of `servers` in turnout.toml names it."""

    server: SSHServer
    alias: str
    """`Host` in ~/.ssh/config, and the server's name in turnout.toml."""
    root: str
    """The deploy root as the server names it; exists, empty."""
    files: Path
    """The same folder as this process names it."""
    port: int

    @property
    def host(self) -> str:
        return self.server.host

    @property
    def user(self) -> str:
        return self.server.user

    @property
    def key(self) -> Path:
        return self.server.key

    @property
    def known_hosts(self) -> Path:
        return self.server.known_hosts


class SSHServer(ABC):
    """A server that accepts logins on loopback with one key; a context manager that ends it and all that it runs."""

    host = HOST
    user: str
    port: int
    key: Path
    """The client's private key."""
    host_key: str
    """The server's public key as in known_hosts, without a name: `ssh-ed25519 AAAA...`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log = folder / "server.log"
        self.known_hosts = folder / "known_hosts"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> SSHServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @abstractmethod
    def session_processes(self) -> list[int]:
        """All processes of logins: the server's own for each connection, and everything that runs in them."""

    @abstractmethod
    def kill_sessions(self) -> list[int]:
        """Kill -9 the server's own processes of all connections, and not what runs in them; their ids.

        Connections end, and what runs in them finds the end of its input.
        """

    @abstractmethod
    def stop(self) -> None:
        """End the server and everything that logins left running; a second call does nothing."""

    def local(self, path: str) -> Path:
        """Where this process finds a path of the server."""
        return Path(path)

    def place(self, folder: Path, alias: str) -> Destination:
        """A fresh deploy root named after `alias`; below `folder`, where the server sees this machine's files."""
        files = folder / alias
        files.mkdir(parents=True)
        return Destination(self, alias, str(files), files, self.port)

    def known_hosts_line(self, port: int | None = None) -> str:
        """What known_hosts has to say of this server, seen through `port`."""
        return f"[{self.host}]:{port or self.port} {self.host_key}\n"

    def ssh_config(self, alias: str, port: int | None = None, known_hosts: Path | None = None) -> str:
        """A Host block for this server, or for the `port` of a proxy in front of it."""
        return (
            f"Host {alias}\n"
            f"    HostName {self.host}\n"
            f"    Port {port or self.port}\n"
            f"    User {self.user}\n"
            f"    IdentityFile {quoted(self.key)}\n"
            f"    IdentitiesOnly yes\n"
            f"    UserKnownHostsFile {quoted(known_hosts or self.known_hosts)}\n"
        )

    def run(self, command: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """What a command in the user's login shell gives, asked with OpenSSH's own client."""
        options = ("BatchMode=yes", "StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null", "ConnectTimeout=60")
        words = [need("ssh"), "-T", "-F", str(self.folder / "ssh_config"), *(f"-o{option}" for option in options)]
        return subprocess.run(
            [*words, "server", command], input=input, capture_output=True, timeout=PATIENCE, check=False
        )

    def _write_client_files(self) -> None:
        self.known_hosts.write_text(self.known_hosts_line())
        (self.folder / "ssh_config").write_text(self.ssh_config("server"))

    def _start(self, words: list[str]) -> bool:
        """Start the listener and wait for it; False when it ended at once because another process took the port."""
        # The kernel ends the server with this process, however this process ends.
        tied = ["setpriv", "--pdeathsig", "TERM", *words] if shutil.which("setpriv") else words
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                tied, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            if self._answers():
                return True
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
        log_text = self.log.read_text(errors="replace")
        if self._process.poll() is not None and "in use" in log_text:
            return False
        self._end([])
        pytest.fail(f"{words[0]} did not start on port {self.port}:\n{log_text[-2000:]}")

    def _answers(self) -> bool:
        """Whether this server listens. Its key, not just a greeting: who answers could have taken the port."""
        try:
            connection = socket.create_connection((self.host, self.port), timeout=5)
        except OSError:
            return False
        transport = paramiko.Transport(connection)
        try:
            transport.start_client(timeout=5)
            key = transport.get_remote_server_key()
        except (paramiko.SSHException, OSError, EOFError):
            return False
        finally:
            transport.close()
        return f"{key.get_name()} {key.get_base64()}" == self.host_key

    def _start_on_a_free_port(self, words_for: Callable[[int], list[str]]) -> None:
        """Start the listener with the words that `words_for` gives for a port."""
        for self.port in free_ports():
            if self._start(words_for(self.port)):
                self._write_client_files()
                return
        pytest.fail(f"{PORTS_TO_TRY} ports that were free had all been taken a moment later")

    def _end(self, left: list[int]) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        kill(left)


class OpenSSHServer(SSHServer):
    """OpenSSH's sshd, run by this user for this user, with a home folder of its own.

    `shell` is what the user's login shell shall be. sshd takes that from the system's user database, which a test
    leaves alone: where it says otherwise, a ForceCommand stands in. That is faithful because sshd does no more than
    `execve(shell, [name, "-c", command])` with the command as one word, and the stand-in does the same with the word
    that sshd hands it unchanged in SSH_ORIGINAL_COMMAND; each shell then reads the start-up files that it reads
    under sshd (bash reads .bashrc where SSH_CLIENT is set and no shell has run before, so SHLVL is unset again).
    """

    def __init__(
        self, folder: Path, shell: str = "", noisy: bool = False, log_level: str = "INFO", login: str = "tidy"
    ) -> None:
        """`noisy`: the shell's start-up file prints. `log_level`: of sshd, whose log is `self.log`.

        login   "hostile": start-up files as in tests/logins.py, and what they export is set by sshd as well
        """
        super().__init__(folder)
        sshd = need("sshd")
        account = pwd.getpwuid(os.getuid())
        self.user = account.pw_name
        self.key = new_key(folder / "client_key")
        self.host_key = public_key(new_key(folder / "host_key"))
        self.home = folder / "home"
        self.home.mkdir()
        self.decoy = folder / "decoy"
        """Where a hostile login leads who goes to a folder by its bare name."""
        self.hostile = login == "hostile"
        if self.hostile:
            logins.write(self.home, self.decoy, shell or Path(account.pw_shell).name)
        elif noisy:
            start_file = self.home / logins.START_FILES[shell or Path(account.pw_shell).name]
            start_file.parent.mkdir(parents=True, exist_ok=True)
            start_file.write_text(logins.NOISE)
        shutil.copy(folder / "client_key.pub", folder / "authorized_keys")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd, run by root, locks itself up
        stand_in = self._stand_in(need(shell)) if shell and Path(account.pw_shell).name != shell else None
        config = folder / "sshd_config"

        def words_for(port: int) -> list[str]:
            config.write_text(self._config(port, log_level, stand_in))
            return [sshd, "-D", "-e", "-f", str(config)]

        self._start_on_a_free_port(words_for)

    def _config(self, port: int, log_level: str, stand_in: Path | None) -> str:
        variables = {"HOME": str(self.home), "TURNOUT_TEST_SERVER": str(self.folder)}
        if self.hostile:
            variables |= logins.set_env(self.home, self.decoy)
        set_env = " ".join(f'"{name}={value}"' for name, value in variables.items())
        sftp_server = next(Path("/usr").glob("lib*/**/sftp-server"), None) or "internal-sftp"
        return (
            f"ListenAddress {HOST}\n"
            f"Port {port}\n"
            f"HostKey {quoted(self.folder / 'host_key')}\n"
            f"AuthorizedKeysFile {quoted(self.folder / 'authorized_keys')}\n"
            f"LogLevel {log_level}\n"
            f"SetEnv {set_env}\n"
            f"Subsystem sftp {sftp_server}\n"
            f"UsePAM {'yes' if password_is_locked(self.user) else 'no'}\n"
            "StrictModes no\n"
            "PidFile none\n"
            "AuthenticationMethods publickey\n"
            "PermitRootLogin prohibit-password\n"
            "PermitUserRC no\n"
            "PrintMotd no\n"
            "PrintLastLog no\n"
            "UseDNS no\n"
        ) + (f"ForceCommand /bin/sh {shlex.quote(str(stand_in))}\n" if stand_in else "")

    def _stand_in(self, shell: str) -> Path:
        path = self.folder / "login_shell"
        path.write_text(
            "#!/bin/sh\n"
            "unset SHLVL OLDPWD _\n"
            f"SHELL={shell}; export SHELL\n"
            '[ "${SSH_ORIGINAL_COMMAND+given}" ] || exec "$SHELL" -l\n'
            "command=$SSH_ORIGINAL_COMMAND; unset SSH_ORIGINAL_COMMAND\n"
            'exec "$SHELL" -c "$command"\n'
        )
        path.chmod(0o755)
        return path

    def session_processes(self) -> list[int]:
        assert self._process is not None
        below = descendants(self._process.pid)
        # The agent keeps only HOME of a login's environment.
        marks = {f"TURNOUT_TEST_SERVER={self.folder}".encode(), f"HOME={self.home}".encode()}
        return below + [pid for pid in process_ids() if pid not in below and marks & set(environ_of(pid))]

    def kill_sessions(self) -> list[int]:
        assert self._process is not None
        return kill([pid for pid in descendants(self._process.pid) if name_of(pid).startswith("sshd")])

    def stop(self) -> None:
        if self._process is not None:
            self._end(self.session_processes())
            changed = logins.touched(self.decoy) if self.hostile else []
            assert not changed, f"a hostile login led to other folders, and these files were changed: {changed}"


class EmbeddedServer(SSHServer):
    """The demo's server (asyncssh), for machines where no sshd is installed; a process for each connection as there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._servers = embedded(1, folder, grace=math.inf)
        inner = self._servers[0]
        self.user, self.port, self.home = inner.user, inner.port, inner.home
        self.key = self._servers.key
        self.host_key = inner.host_key
        self._write_client_files()

    def session_processes(self) -> list[int]:
        (forker,) = children(self._servers.pid)
        below = descendants(forker)
        return below + [pid for pid in process_ids() if pid not in below and self._is_ours(pid)]

    def kill_sessions(self) -> list[int]:
        (forker,) = children(self._servers.pid)
        return kill(children(forker))

    def stop(self) -> None:
        self._servers.close()
        kill([pid for pid in process_ids() if self._is_ours(pid)])

    def _is_ours(self, pid: int) -> bool:
        """Whether a login's command started it, also where the process that served its connection was killed."""
        return f"HOME={self.home}".encode() in environ_of(pid)


def new_key(path: Path) -> Path:
    """A new ed25519 key pair without a passphrase; made here, because openssh-client may not be installed."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    path.touch(mode=0o600)
    path.write_bytes(private)
    path.with_suffix(".pub").write_bytes(public + b" turnout tests\n")
    return path


def public_key(path: Path) -> str:
    """Kind and base64 of the public half of a key pair."""
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def free_ports() -> list[int]:
    """Ports that nobody listens on right now; another process may still be faster, hence several."""
    listeners = [socket.create_server((HOST, 0)) for _ in range(PORTS_TO_TRY)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def password_is_locked(user: str) -> bool:
    """Whether sshd without PAM would refuse this user, key or not, as on Ubuntu where root has no password."""
    try:
        lines = Path("/etc/shadow").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith(f"{user}:!") for line in lines)
