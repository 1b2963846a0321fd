"""Values that ssh_config takes, for our own reader; what ssh would refuse is refused, never taken for a default."""

from __future__ import annotations

import re
from collections.abc import Callable

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _flag(text: str) -> str:
    words = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
    if text.lower() not in words:
        raise ValueError("it must be yes or no")
    return words[text.lower()]


def _port(text: str) -> str:
    number = _number(text)
    if not 0 < int(number) < 65536:
        raise ValueError("it must be a number from 1 to 65535")
    return number


def _number(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("it must be a number")
    return text


def _time(text: str) -> str:
    """sshd_config(5), TIME FORMATS: `90`, `1m30s`; ssh -G prints seconds."""
    if text.lower() == "none":
        return text
    if not re.fullmatch(r"([0-9]{1,9}[smhdwSMHDW]?)+", text):
        raise ValueError("it must be a time: 90, 1m30s")
    parts = re.findall(r"([0-9]+)([a-z]?)", text.lower())
    return str(sum(int(number) * _SECONDS[unit or "s"] for number, unit in parts))


def _family(text: str) -> str:
    if text.lower() not in ("any", "inet", "inet6"):
        raise ValueError("it must be any, inet or inet6")
    return text.lower()


def _host(text: str) -> str:
    if re.search(r"%(?![%h])", text.replace("%%", "")) or "${" in text:
        raise ValueError("only %h and %% have a meaning in it")
    return text


def _user(text: str) -> str:
    if "%" in text or "${" in text:
        raise ValueError("whether it has tokens depends on the version of ssh")
    return text


VALUES: dict[str, Callable[[str], str]] = {
    "addressfamily": _family,
    "compression": _flag,
    "connectionattempts": _number,
    "connecttimeout": _time,
    "hashknownhosts": _flag,
    "hostname": _host,
    "identitiesonly": _flag,
    "port": _port,
    "proxyusefdpass": _flag,
    "requiredrsasize": _number,
    "serveraliveinterval": _time,
    "user": _user,
}
"""By keyword: its value as `ssh -G` prints it. ValueError where ssh refuses it, or may."""
