"""A server of turnout.toml as a target of ssh_config."""

from __future__ import annotations

from typing import Protocol

from core.sshconfig.options import Target


class Destination(Protocol):
    """What a connection needs to know of a server; core.config.Server has it."""

    @property
    def name(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def user(self) -> str | None: ...
    @property
    def gateway(self) -> str | None: ...
    @property
    def identity(self) -> str | None: ...


def target(server: Destination) -> Target:
    """A server as it is looked up in ssh_config: values of turnout.toml take precedence over that file's."""
    named = Target.of(server.host)
    jump = None
    if server.gateway:
        gateway = Target.of(server.gateway)
        host = f"[{gateway.host}]" if ":" in gateway.host else gateway.host
        port = f":{gateway.port}" if gateway.port else ""
        jump = f"{gateway.user}@{host}{port}" if gateway.user else f"{host}{port}"
    return Target(named.host, server.user or named.user, server.port, server.identity, jump)
