"""What another tool reads of a release in the same deploy root, where `compatible` names one: REVISION, and its log."""

from __future__ import annotations

import time

from core.operations.run import Run
from core.operations.standing import Standing
from core.records import Record


def revision_text(tool: str, record: Record) -> str:
    """The text of REVISION; "" where no tool is named."""
    if not tool:
        return ""
    from core.adoption.compatible import revision_of  # few projects name one

    return revision_of(tool, record)


def tell_other_tool(run: Run, standing: Standing) -> None:
    """The line in the tool's log, on servers that have switched; a failure is a warning."""
    tool, plan = run.fleet.project.deploy.compatible, standing.plan
    if not tool:
        return
    from core.adoption.compatible import log_line

    now = time.time()

    def tell(name: str) -> None:
        tag = standing.tag_on(name)
        record = plan.record_of(tag)
        if record is None and plan.goes_back:
            record = Record(tag=tag, seq=0, created=0.0)  # that tool's own release
        line = log_line(tool, record, run.who, now, back=plan.goes_back) if record else None
        if line is not None:
            run.held(name).append(*line)

    outcome = run.on_all(tell, [name for name in plan.moving if name in run.names])
    for name, error in outcome.errors.items():
        run.warn(error.title, name)
