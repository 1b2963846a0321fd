"""The child process with the embedded SSH servers: `python -m tui.demo.sshd FOLDER NAME...`.

Prints one JSON line when all are ready, and ends when its standard input does, so that it cannot outlive its parent.
A line on its standard input may change the rate: `{"bandwidth": 8000000}` (bytes a second, null for no limit).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import shutil
import socket
import sys
from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh

from tui.demo.command import Command, CommandSession
from tui.demo.link import Link
from tui.demo.servers import GRACE_SECONDS, SITE_PORT
from tui.demo.website import Website

USER = "deploy"
LOOPBACK = ("127.0.0.1", "localhost")
LIMITED_WINDOW = 256 * 1024
"""Where the rate is limited, so that what a client calls sent is not far ahead of what has arrived."""
END_SECONDS = 1.0
"""How long commands may clean up when the servers end."""


@dataclass
class Host:
    """One server: its folders, its website, its host key and the commands that run on it."""

    name: str
    folder: Path
    link: Link | None
    grace: float
    running: set[Command] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.root = self.folder / "srv" / "app"
        self.home.mkdir(parents=True)
        self.root.mkdir(parents=True)
        self.website = Website(self.root)
        self.key = asyncssh.generate_private_key("ssh-ed25519", comment=self.name)
        self.environ = {
            "HOME": str(self.home),
            "LOGNAME": USER,
            "USER": USER,
            "SHELL": "/bin/sh",
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
        }

    def options(self, client_key: asyncssh.SSHKey) -> dict[str, Any]:
        """What asyncssh needs to serve a connection to this host."""
        return {
            "server_factory": partial(Login, self, client_key),
            "server_host_keys": [self.key],
            "encoding": None,
            "line_editor": False,
            "allow_pty": False,
            "agent_forwarding": False,
            "x11_forwarding": False,
            "gss_host": None,
            "compression_algs": ["none"],
            "login_timeout": 60,
            **({"window": LIMITED_WINDOW} if self.link is not None and not self.link.latency else {}),
        }

    async def listen(self, client_key: asyncssh.SSHKey) -> int:
        """Start to accept logins; the port."""
        options = self.options(client_key)
        if self.link is None:
            acceptor = await asyncssh.listen("127.0.0.1", 0, **options)
            return acceptor.get_port()
        prepared = asyncssh.SSHServerConnectionOptions(**options)

        def serve(end: socket.socket) -> Awaitable[object]:
            return asyncssh.run_server(end, options=prepared)

        server = await self.link.listen(serve)
        return int(server.sockets[0].getsockname()[1])


class Login(asyncssh.SSHServer):
    """One connection: lets in one user with one key, runs commands, forwards to loopback."""

    def __init__(self, host: Host, client_key: asyncssh.SSHKey) -> None:
        self._host = host
        self._client_key = client_key.public_data

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.public_data == self._client_key

    def session_requested(self) -> CommandSession:
        return CommandSession(self._host.home, self._host.environ, self._host.running, self._host.grace)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Awaitable[Any]:
        if dest_host not in LOOPBACK:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, f"forwarding leads to 127.0.0.1 only, not to {dest_host}"
            )
        port = self._host.website.server_port if dest_port == SITE_PORT else dest_port
        return self._connection.forward_connection("127.0.0.1", port)


async def serve(folder: Path, names: list[str], bandwidth: float | None, latency: float, grace: float) -> None:
    """Serve until standard input ends; then nothing that was started here runs any more."""
    client_key = asyncssh.generate_private_key("ssh-ed25519", comment="turnout demo")
    shaped = bandwidth is not None or latency > 0
    hosts = [Host(name, folder / name, Link(bandwidth, latency) if shaped else None, grace) for name in names]
    ports = [await host.listen(client_key) for host in hosts]
    _write_client_files(folder, client_key, hosts, ports)
    entries = [
        {
            "name": host.name,
            "port": port,
            "host_key": host.key.export_public_key().decode().strip().removesuffix(f" {host.name}"),
            "fingerprint": host.key.get_fingerprint(),
            "http_port": host.website.server_port,
            "root": str(host.root),
            "home": str(host.home),
        }
        for host, port in zip(hosts, ports, strict=True)
    ]
    print(json.dumps({"servers": entries}), flush=True)

    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        limit = json.loads(line)["bandwidth"]
        for host in hosts:
            if host.link is not None:
                host.link.bandwidth = limit
    await _end(hosts)


async def _end(hosts: list[Host]) -> None:
    running = [command for host in hosts for command in host.running]
    for command in running:
        command.hang_up()
    deadline = asyncio.get_running_loop().time() + END_SECONDS
    while any(host.running for host in hosts) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    for command in running:
        command.kill()


def _write_client_files(folder: Path, key: asyncssh.SSHKey, hosts: list[Host], ports: list[int]) -> None:
    """Client key, known_hosts and an ssh_config with an alias for each server."""
    key_path, known_hosts = folder / "id_ed25519", folder / "known_hosts"
    key_path.touch(mode=0o600)
    key_path.write_bytes(key.export_private_key())
    known_lines, config_lines = [], []
    for host, port in zip(hosts, ports, strict=True):
        known_lines.append(f"[127.0.0.1]:{port} {host.key.export_public_key().decode()}")
        config_lines.append(
            f"Host {host.name}\n  HostName 127.0.0.1\n  Port {port}\n  User {USER}\n  IdentityFile {key_path}\n"
            f"  IdentitiesOnly yes\n  UserKnownHostsFile {known_hosts}\n  StrictHostKeyChecking yes\n"
        )
    known_hosts.write_text("".join(known_lines))
    (folder / "ssh_config").write_text("\n".join(config_lines))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tui.demo.sshd")
    parser.add_argument("folder", type=Path, help="everything is written below it; it must exist")
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--bandwidth", type=float, help="bytes a second in each direction")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds a round trip")
    parser.add_argument("--grace", type=float, default=GRACE_SECONDS, help="seconds for commands after their channel")
    parser.add_argument("--remove", action="store_true", help="remove the folder at the end")
    arguments = parser.parse_args()
    logging.getLogger("asyncssh").setLevel(logging.ERROR)
    os.umask(0o022)
    try:
        asyncio.run(serve(arguments.folder, arguments.names, arguments.bandwidth, arguments.latency, arguments.grace))
    finally:
        if arguments.remove:
            shutil.rmtree(arguments.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
