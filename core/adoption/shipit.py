"""shipit: `releases/20261121193000` (UTC), a relative link, REVISION with the commit, nothing else.

Source: shipit-deploy/src/tasks/deploy/update.js and publish.js.
"""

from __future__ import annotations

from core import layout
from core.adoption.traces import STAMP, Tool, Traces, by_name


def recognise(traces: Traces) -> bool:
    """It leaves nothing of its own: a name like that with a commit beside a relative link."""
    stamped = traces.named(STAMP)
    return traces.target.startswith(layout.release("")) and any(tag in traces.revisions for tag in stamped)


TOOL = Tool("shipit", recognise, by_name(STAMP))
