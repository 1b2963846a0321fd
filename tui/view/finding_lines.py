"""What doctor found, server by server, and how it sums up (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.text import count
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, fit, line, one_line, width

if TYPE_CHECKING:
    from core.doctor.finding import Finding

ROLE_OF_LEVEL = {"ok": "ok", "warning": "warn", "error": "bad"}


def finding_lines(findings: Mapping[str, Sequence[Finding]], glyphs: Glyphs) -> list[Line]:
    """Each server's findings: sign, level, topic, text, and below it what to do."""
    signs = {"ok": glyphs.done, "warning": glyphs.alert, "error": glyphs.cross}
    topics = [width(line(one_line(finding.topic))) for of_server in findings.values() for finding in of_server]
    room = max(topics, default=0)
    out: list[Line] = []
    for server, of_server in findings.items():
        out += [()] if out else []
        out.append(line((one_line(server), "strong")))
        for finding in of_server:
            role = ROLE_OF_LEVEL.get(finding.level, "")
            lead = line("  ", (f"{signs.get(finding.level, ' ')} {finding.level:<7}  ", role))
            lead += line(fit(one_line(finding.topic), room) + "  ")
            out.append((*lead, *line(one_line(finding.text))))
            if finding.hint:
                out.append(line(" " * width(lead), ("-> ", "accent"), one_line(finding.hint)))
    return out


def finding_summary(findings: Mapping[str, Sequence[Finding]]) -> str:
    """`3 servers checked: 1 error, 2 warnings`."""
    levels = [finding.level for of_server in findings.values() for finding in of_server]
    bad = [count(levels.count(level), level) for level in ("error", "warning") if level in levels]
    return f"{count(len(findings), 'server')} checked: {', '.join(bad) or 'no problems found'}"
