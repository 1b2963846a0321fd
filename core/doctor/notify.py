"""Whether people can be told how operations end: what can be known of [[notify]] without sending anything."""

from __future__ import annotations

from collections.abc import Iterator

from core import telling
from core.config import Project
from core.doctor.finding import OK, WARNING, Finding
from core.pending import Pending
from core.text import count


def notify(project: Project, environment: str) -> Iterator[Finding]:
    """What Apprise says of the addresses of an environment; nothing where there are none. Those that need a secret are
    passed over: nobody is asked for one.
    """
    mine = [(index, each.url) for index, each in enumerate(project.notify) if each.applies_in(environment)]
    if not mine:
        return
    if not telling.is_installed():
        text = "Apprise is not installed here, so nobody is told how operations end"
        yield Finding("notify", WARNING, text, telling.INSTALL)
        return
    known = 0
    for index, url in mine:
        if isinstance(url, Pending):
            continue
        if telling.sender(url):
            known += 1
        else:
            yield Finding(
                "notify", WARNING, f"notify[{index}].url is not one that Apprise knows", f"see {telling.WIKI}"
            )
    if known:
        yield Finding("notify", OK, f"Apprise knows {count(known, 'address')}; nothing was sent")
