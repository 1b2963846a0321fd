"""A Plan as lines of plain text for terminals and logs (pure)."""

from __future__ import annotations

from core.plan import DEPLOY, Plan, Step, alike, freeing
from core.text import clean, count, size

GROUPED_FROM = 11
"""From so many servers on, those with the same step share a line."""


def plan_lines(plan: Plan) -> list[str]:
    """What the plan will do, in the order in which a person decides: what, where and for how much, what is against it.

    Every line is free of control characters; refusals and warnings are all named.
    """
    lines = [_one_line(plan.title)]
    lines += [f"  {line}" for line in _what(plan)]
    if plan.steps:
        lines += [
            "",
            *_columns(
                [(_names(steps), _one_line(_price(steps[0], plan))) for steps in alike(plan.steps, GROUPED_FROM)]
            ),
        ]
    lines += _pruned(plan)
    around = [("hook", hook) for hook in plan.hooks] + [("check", check) for check in plan.checks]
    if around:
        lines += ["", *_columns([(word, _one_line(text)) for word, text in around])]
    if plan.warnings:
        lines += ["", *(f"  ! warning: {_one_line(warning)}" for warning in plan.warnings)]
    if plan.executable and plan.nothing_to_do:
        closes = "no server switches: what was interrupted is swept and closed in the journals"
        lines += ["", f"  {closes if plan.ends_interrupted else 'nothing to do: every server is as asked'}"]
    if not plan.executable:
        lines += ["", *(f"  x refused: {_one_line(reason)}" for reason in plan.all_refusals)]
    return lines


def _what(plan: Plan) -> list[str]:
    """The release that becomes live and the one that is live now."""
    rows = []
    makes_live = plan.changes_live and not plan.ends_interrupted
    if plan.record and makes_live:
        record = plan.record
        made = ", ".join(part for part in (record.author, record.revision[:15], record.ref) if part)
        rows.append(
            ("what", f"{record.subject or record.revision}" + (f" ({made})" if made and record.subject else ""))
        )
        rows.append(("files", f"{count(record.files, 'file')}, {size(record.bytes)}"))
    if plan.build:
        again = "; --rebuild makes it anew" if plan.kind == DEPLOY else ""
        rows.append(("build", f"{plan.build}{again}"))
    if makes_live:
        rows.append(("live now", plan.live or "nothing"))
    if len(plan.steps) > 1 and plan.send_bytes:
        rows.append(("in all", f"sends {size(plan.send_bytes)} to {count(len(plan.steps), 'server')}"))
    if len(plan.steps) > 1 and plan.frees:
        frees = freeing("frees", plan.frees, plan.exact).removeprefix(", ")
        rows.append(("in all", f"{frees} on {count(len(plan.steps), 'server')}"))
    return [f"{word:<8}  {_one_line(text)}" for word, text in rows]


def _price(step: Step, plan: Plan) -> str:
    """A step's price, with what is live there where that is not what is live elsewhere."""
    if step.refusal:
        return "refused, see below"
    differs = plan.changes_live and step.current != plan.live
    return step.price() + (f" (live there: {step.current or 'nothing'})" if differs else "")


def _pruned(plan: Plan) -> list[str]:
    """The tags whose files go, and from where."""
    by_tag: dict[str, list[str]] = {}
    for step in plan.steps:
        for tag in step.prune:
            by_tag.setdefault(tag, []).append(step.server)
    if not by_tag:
        return []
    rows = []
    for tag, servers in by_tag.items():
        where = "" if len(servers) == len(plan.steps) else f"on {', '.join(servers)}"
        rows.append((f"removes {tag}", where))
    return ["", *_columns(rows)]


def _names(steps: list[Step]) -> str:
    names = [_one_line(step.server) for step in steps]
    if len(names) <= 3:
        return ", ".join(names)
    return f"{names[0]} … {names[-1]} ({count(len(names), 'server')})"


def _columns(rows: list[tuple[str, str]]) -> list[str]:
    width = max(len(first) for first, _ in rows)
    return [f"  {first:<{width}}  {second}".rstrip() for first, second in rows]


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())
