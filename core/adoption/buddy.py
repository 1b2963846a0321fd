"""Buddy: `releases/REVISION`, copied from a `deploy-cache/` that holds what it sent, and a link. There is no log.

Buddy sends only what differs from its last run, so its deploy-cache must stay as it is until Buddy is switched off.
Source: its documentation of the atomic deployment.
"""

from __future__ import annotations

import re

from core import layout
from core.adoption.traces import History, Tool, Traces
from core.records import Told

_NAME = re.compile(r"[0-9a-f]{40}")


def recognise(traces: Traces) -> bool:
    return layout.CACHE in traces.signs and bool(traces.named(_NAME))


def history(traces: Traces) -> History:
    return History({tag: Told(revision=tag) for tag in traces.named(_NAME)})


TOOL = Tool("Buddy", recognise, history)
