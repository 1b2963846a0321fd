"""The child process with the embedded SSH servers: `python -m tui.demo.sshd FOLDER NAME...`.

Prints one JSON line when all are ready, and ends when its standard input does, so that it cannot outlive its parent.
A line on its standard input may change the rate: `{"bandwidth": 8000000}` (bytes a second, null for no limit).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import math
import os
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh

from tui.demo.command import Command, CommandSession
from tui.demo.connections import Connections
from tui.demo.link import Link
from tui.demo.servers import GRACE_SECONDS, SITE_PORT
from tui.demo.website import Website

USER = "deploy"
LOOPBACK = ("127.0.0.1", "localhost")
LIMITED_WINDOW = 256 * 1024
"""Where the rate is limited, so that what a client calls sent is not far ahead of what has arrived."""
END_SECONDS = 1.0
"""How long commands may clean up when the servers end."""
POLL_SECONDS = 0.01


@dataclass
class Host:
    """One server: its folders, its host key, who may log in, and the commands that run in this connection to it."""

    name: str
    folder: Path
    client_key: asyncssh.SSHKey
    link: Link | None
    grace: float
    site_port: int = 0
    """Of its website, which starts after the processes that serve connections."""
    running: set[Command] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.root = self.folder / "srv" / "app"
        self.home.mkdir(parents=True)
        self.root.mkdir(parents=True)
        self.key = asyncssh.generate_private_key("ssh-ed25519", comment=self.name)
        self.environ = {
            "HOME": str(self.home),
            "LOGNAME": USER,
            "USER": USER,
            "SHELL": "/bin/sh",
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
        }

    def options(self) -> asyncssh.SSHServerConnectionOptions:
        """What asyncssh needs to serve a connection to this host."""
        return asyncssh.SSHServerConnectionOptions(
            server_factory=partial(Login, self),
            server_host_keys=[self.key],
            encoding=None,
            line_editor=False,
            allow_pty=False,
            agent_forwarding=False,
            x11_forwarding=False,
            gss_host=None,
            compression_algs=["none"],
            login_timeout=60,
            **({"window": LIMITED_WINDOW} if self.link is not None and not self.link.latency else {}),
        )

    async def listen(self, hand_over: Callable[[socket.socket], None]) -> int:
        """Start to accept connections; the port."""
        if self.link is not None:
            server = await self.link.listen(hand_over)
            return int(server.sockets[0].getsockname()[1])
        listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        listener.setblocking(False)
        loop = asyncio.get_running_loop()

        async def accept() -> None:
            while True:
                connection, _ = await loop.sock_accept(listener)
                hand_over(connection)

        self._accepting = asyncio.ensure_future(accept())
        return int(listener.getsockname()[1])


class Login(asyncssh.SSHServer):
    """One connection: lets in one user with one key, runs commands, forwards to loopback."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.public_data == self._host.client_key.public_data

    def session_requested(self) -> CommandSession:
        return CommandSession(self._host.home, self._host.environ, self._host.running, self._host.grace)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Awaitable[Any]:
        if dest_host not in LOOPBACK:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, f"forwarding goes only to 127.0.0.1, not to {dest_host}"
            )
        port = self._host.site_port if dest_port == SITE_PORT else dest_port
        return self._connection.forward_connection("127.0.0.1", port)


async def serve_connection(
    hosts: list[Host], number: int, site_port: int, connection: socket.socket, ended: asyncio.Event
) -> None:
    """Serve one connection, in a process of its own, until it and its commands have ended, or all servers shall."""
    host = hosts[number]
    host.site_port = site_port
    options = host.options()

    async def log_in_and_serve() -> None:
        login = await asyncssh.run_server(connection, options=options)
        await login.wait_closed()

    serving, end = asyncio.ensure_future(log_in_and_serve()), asyncio.ensure_future(ended.wait())
    await asyncio.wait((serving, end), return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.exception()  # a login that did not come about has been answered already
    else:
        serving.cancel()
    if math.isinf(host.grace) and not ended.is_set():
        for command in host.running:
            command.hang_up()
        return
    while host.running and not ended.is_set():  # each has its grace
        await asyncio.sleep(POLL_SECONDS)
    await _end(host)


async def serve(folder: Path, hosts: list[Host], connections: Connections) -> None:
    """Accept connections until standard input ends."""
    websites = [Website(host.root) for host in hosts]
    ports = [
        await host.listen(partial(connections.hand_over, number, website.server_port))
        for number, (host, website) in enumerate(zip(hosts, websites, strict=True))
    ]
    _write_client_files(folder, hosts, ports)
    entries = [
        {
            "name": host.name,
            "port": port,
            "host_key": host.key.export_public_key().decode().strip().removesuffix(f" {host.name}"),
            "fingerprint": host.key.get_fingerprint(),
            "http_port": website.server_port,
            "root": str(host.root),
            "home": str(host.home),
        }
        for host, port, website in zip(hosts, ports, websites, strict=True)
    ]
    print(json.dumps({"servers": entries}), flush=True)

    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        limit = json.loads(line)["bandwidth"]
        for host in hosts:
            if host.link is not None:
                host.link.bandwidth = limit


async def _end(host: Host) -> None:
    """End what still runs in a connection."""
    running = list(host.running)
    for command in running:
        command.hang_up()
    deadline = asyncio.get_running_loop().time() + END_SECONDS
    while host.running and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(POLL_SECONDS)
    for command in running:
        command.kill()


def _write_client_files(folder: Path, hosts: list[Host], ports: list[int]) -> None:
    """Client key, known_hosts and an ssh_config with an alias for each server."""
    key_path, known_hosts = folder / "id_ed25519", folder / "known_hosts"
    key_path.touch(mode=0o600)
    key_path.write_bytes(hosts[0].client_key.export_private_key())
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
    folder: Path = arguments.folder
    try:
        client_key = asyncssh.generate_private_key("ssh-ed25519", comment="turnout demo")
        shaped = arguments.bandwidth is not None or arguments.latency > 0
        hosts = [
            Host(
                name,
                folder / name,
                client_key,
                Link(arguments.bandwidth, arguments.latency) if shaped else None,
                arguments.grace,
            )
            for name in arguments.names
        ]
        connections = Connections(partial(serve_connection, hosts))
        try:
            asyncio.run(serve(folder, hosts, connections))
        finally:
            connections.close()
    finally:
        if arguments.remove:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
