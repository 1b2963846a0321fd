"""DeployHQ: `releases/20261121193000`, `cache/` where it was asked to keep one, a relative link. There is no log.

Source: its documentation of atomic deployments.
"""

from __future__ import annotations

from core.adoption.traces import STAMP, Tool, Traces, by_name


def recognise(traces: Traces) -> bool:
    return "cache" in traces.signs and bool(traces.named(STAMP))


TOOL = Tool("DeployHQ", recognise, by_name(STAMP))
