"""How bad a line of a log is, by common forms: JSON, logfmt, access logs, nginx, Apache, syslog, words (pure)."""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD = 400
"""Characters of a line in which its level is looked for."""

_JSON = re.compile(
    r'"(?:level|severity|lvl|log\.level|levelname|level_name|loglevel|priority|@l)"\s*:\s*(?:"(\w+)"|(\d+))', re.I
)
_JSON_STATUS = re.compile(r'"(?:status|status_code|statusCode|http\.status_code|code)"\s*:\s*"?([1-5]\d\d)\b')
_ACCESS = re.compile(r'" ([1-5]\d\d) (?:\d+|-)(?=\s|$)')
_BRACKET = re.compile(r"\[(?:[\w.-]+:)?(\w+)\]")
_PRIORITY = re.compile(r"<(\d{1,3})>")
_LOGFMT = re.compile(r'\b(?:level|lvl|severity)="?(\w+)')
_GLOG = re.compile(r"([EFWID])\d{4} \d\d:\d\d:")
_WORD = re.compile(
    r"\b(FATAL|CRITICAL|CRIT|EMERG|EMERGENCY|ALERT|SEVERE|ERROR|ERR|PANIC|WARN|WARNING|INFO|NOTICE|DEBUG|TRACE|FINE)\b"
    r"|(\b(?:Traceback \(most recent|Fatal error|Uncaught|panic:|[Ee]rror:|segfault)|\b\w*(?:Exception|Error)\b[:\s])"
    r"|(\b[Ww]arning:|\bWarning\b)"
)
_LEVELS = {
    **dict.fromkeys(
        ("fatal", "critical", "crit", "emerg", "emergency", "alert", "severe", "error", "err", "panic", "f", "e"),
        "error",
    ),
    **dict.fromkeys(("warn", "warning", "w"), "warning"),
    **dict.fromkeys(("debug", "trace", "fine", "verbose", "d"), "debug"),
    **dict.fromkeys(("info", "notice", "information", "i"), "info"),
}


class Judged(NamedTuple):
    """What a line tells of itself. `level` is error, warning, info, debug or ""; `status` of HTTP, 0 for none."""

    level: str = ""
    status: int = 0


NOTHING = Judged()


def judge(text: str) -> Judged:
    """The level and the HTTP status of a line."""
    head = text[:HEAD]
    if head.lstrip()[:1] == "{":
        return _of_json(text[: HEAD * 10])
    if access := _ACCESS.search(text[:2000]):
        return _of_status(int(access[1]))
    if (priority := _PRIORITY.match(head)) and int(priority[1]) < 192:
        return _of_severity(int(priority[1]) % 8)
    if glog := _GLOG.match(head):
        return Judged(_LEVELS[glog[1].lower()])
    if logfmt := _LOGFMT.search(head):
        return Judged(_LEVELS.get(logfmt[1].lower(), ""))
    for bracket in _BRACKET.finditer(head[:200]):
        if level := _LEVELS.get(bracket[1].lower()):
            return Judged(level)
    if word := _WORD.search(head):
        return Judged("error" if word[2] else "warning" if word[3] else _LEVELS[word[1].lower()])
    return NOTHING


def _of_json(text: str) -> Judged:
    status = int(found[1]) if (found := _JSON_STATUS.search(text)) else 0
    level = ""
    if match := _JSON.search(text):
        level = _LEVELS.get(match[1].lower(), "") if match[1] else _of_number(int(match[2]))
    return Judged(level if level in ("error", "warning") else _of_status(status).level or level, status)


def _of_number(number: int) -> str:
    """pino's and bunyan's levels count from 10; syslog's severities from 0."""
    if number < 10:
        return _of_severity(number).level
    return "error" if number >= 50 else "warning" if number >= 40 else "info" if number >= 30 else "debug"


def _of_severity(severity: int) -> Judged:
    return Judged("error" if severity <= 3 else "warning" if severity == 4 else "info" if severity < 7 else "debug")


def _of_status(status: int) -> Judged:
    return Judged("error" if status >= 500 else "warning" if status >= 400 else "", status)
