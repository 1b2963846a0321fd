"""Ansistrano (a role for Ansible): `releases/20261121193000Z`, a link `./releases/…`, a clone in `repo/`, or with rsync
`shared/.shared-copy`. There is no log.

REVISION has the commit only where the code came from a repository; the rsync strategy writes the release's own name
there, which is no commit. Source: tasks/symlink.yml, tasks/update-code.
"""

from __future__ import annotations

import re

from core.adoption.traces import Tool, Traces, by_name

_NAME = re.compile(r"20[0-9]{12}Z")


def recognise(traces: Traces) -> bool:
    return bool(traces.named(_NAME))


TOOL = Tool("Ansistrano", recognise, by_name(_NAME))
