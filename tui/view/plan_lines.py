"""A plan as the confirm dialog shows it: what changes, each server's price, hooks, checks, what is against it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from core.plan import DEPLOY, NONE, Plan, Step, alike, freeing
from core.records import Previous
from core.text import count, size
from tui.view.batch_lines import batch_texts, left_out_texts
from tui.view.change_lines import plan_change_lines
from tui.view.formats import ago, listing, range_name, short_tag, short_tags
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, fit, line, one_line, plain, width, wrap
from tui.view.names import called, column, shortened
from tui.view.question_lines import hold_words

NAMED = 12
"""Servers that are named where they are exceptions."""

LONGEST_REFUSAL = 4000
"""Characters of a refusal, which may have a command for each shared path."""

GROUPED_FROM = 9
"""Servers from which those with the same step share a line."""


def plan_lines(
    plan: Plan,
    cells: int,
    glyphs: Glyphs,
    *,
    now: float | None = None,
    terminal: bool = False,
    name: Callable[[str], str] | None = None,
) -> list[Line]:
    """The whole plan, the most decisive first.

    name       how its releases are called; None: each different from the others of the plan
    now        seconds since the epoch, from which ages are counted; None: none are shown
    terminal   for a terminal's scrollback: tags are whole, for people copy them, and none is left out
    """
    tag = one_line if terminal else name or plan_names(plan)
    out = _change(plan, cells, glyphs, now, tag, terminal=terminal)
    if plan.reason:
        out += _field("Why", one_line(plan.reason), cells)
    if plan.account:
        out += _field("As", f"{one_line(plan.account)}, through sudo", cells)
    if plan.hold:
        out += _field("Hold", hold_words(plan.hold, plan.approve), cells)
    if plan.changes is not None:
        out += [(), *plan_change_lines(plan.changes, cells, glyphs, terminal=terminal)]
    if plan.refusals:
        out += [(), line(("This cannot be done:", "bad"))]
        for refusal in plan.refusals:
            out += bullet(refusal.text, cells, glyphs.cross, "bad")
    if plan.steps:
        out += [(), *step_lines(plan, cells, glyphs, tag, terminal=terminal)]
    if plan.way_out:
        out += _field("Or", f"for the other servers alone: {plan.way_out}", cells, LONGEST_REFUSAL)
    for index, text in enumerate(batch_texts(plan, every=terminal)):
        out += _field("" if index else "Batches", text, cells)
    for text in left_out_texts(plan.left_out):
        out += bullet(text, cells, glyphs.alert, "warn")
    pruned = _pruned(plan, tag)
    if pruned:
        out += _field("Removes", listing(pruned, len(pruned) if terminal else 6), cells)
    if plan.warnings:
        out.append(())
        for warning in plan.warnings:
            out += bullet(one_line(warning) if terminal else short_tags(warning, tag), cells, glyphs.alert, "warn")
    around = [("Hook", text) for text in plan.hooks] + [("Check", text) for text in plan.checks]
    if around:
        out.append(())
        for word, text in around:
            out += _field(word, text, cells)
    if plan.executable and plan.nothing_to_do:
        recovered = "no server switches: this marks the operation as closed"
        rest = recovered if plan.ends_interrupted else "nothing to do: every server is already as requested"
        out += [(), line((f"{glyphs.done} {rest}", "ok"))]
    return out


def plan_names(plan: Plan, known: Iterable[str] = ()) -> Callable[[str], str]:
    """How the plan's releases are called: each different from the others of the plan, and from those that are known."""
    ours = (plan.tag, plan.live, *(tag for step in plan.steps for tag in (step.current, *step.prune)))
    return called((*ours, *known))


def _change(
    plan: Plan, cells: int, glyphs: Glyphs, at: float | None, tag: Callable[[str], str], *, terminal: bool
) -> list[Line]:
    """What is live now, and what will be."""
    if not plan.changes_live:
        frees = freeing("frees", plan.frees, plan.exact).removeprefix(", ") if plan.frees else ""
        freed_on = sum(bool(step.frees) for step in plan.steps)
        total = f"{frees} on {count(freed_on, 'server')}" if frees else ""
        return _field("In all", total, cells) if total else []
    record = plan.record
    if _undoes(plan):
        return _way_back(plan, glyphs, tag)
    live = _live(plan, glyphs, tag)
    if width(live) > cells - 9:
        out = _field("Live", plain(live), cells)
    else:
        out = [line(("Live     ", "dim"), *live)]
    if plan.undoes is not None and plan.tag:
        out += _field("Back", undo_words(plan, plan.undoes, tag, at), cells)
    if record is not None:
        if record.subject:
            out += _field("What", one_line(record.subject), cells)
        ref = record.ref if record.ref != record.revision else record.revision[:7]
        made = [one_line(part) for part in (record.author, ref) if part]
        amount = f"{count(record.files, 'file')}, {size(record.bytes)}" if record.files else ""
        out += _field("Made", ", ".join([*made, amount] if amount else made), cells) if made or amount else []
    if plan.build:
        again = "; --rebuild builds it again" if terminal and plan.kind == DEPLOY else ""
        out += _field("Build", f"{one_line(plan.build)}{again}", cells)
    if plan.origin:
        out += _field("From", one_line(plan.origin) if terminal else short_tags(one_line(plan.origin), tag), cells)
    if plan.store:
        out += _field("Store", plan.store, cells)
    receivers = [step for step in plan.steps if step.send_files and not step.stored]
    if receivers:
        least = "" if plan.exact else "at most "
        files = f" in {count(receivers[0].send_files, 'file')}" if len(receivers) == 1 else ""
        whom = one_line(receivers[0].server) if len(receivers) == 1 else count(len(receivers), "server")
        out += _field("Sends", f"{least}{size(sum(step.send_bytes for step in receivers))}{files} to {whom}", cells)
    return out


def _live(plan: Plan, glyphs: Glyphs, tag: Callable[[str], str]) -> Line:
    """What is live now and what will be; where that is the same, on which servers it becomes live, too."""
    if plan.live == plan.tag and plan.tag and not plan.ends_interrupted:
        more = [one_line(name) for name in plan.moving]
        where = f", and becomes live on {listing(more, NAMED)}, too" if more else ""
        return line((tag(plan.live), "strong"), f" stays live{where}")
    now = tag(plan.live) if plan.live else "nothing"
    if plan.ends_interrupted:  # some servers are on it already: the others matter
        others = dict.fromkeys(step.current for step in plan.steps if step.current != plan.tag)
        now = ", ".join(tag(one_line(other)) or "nothing" for other in others) or now
    same = bool(plan.live) and not plan.goes_back and short_tag(plan.live) == short_tag(plan.tag)
    again = " again, as a new release" if same else ""
    coming = (tag(plan.tag) if plan.tag else "?", "ok")
    return line((now, "strong"), (f" {glyphs.arrow} ", "accent"), coming, (again, ""))


def undo_words(plan: Plan, undoes: Previous, tag: Callable[[str], str], now: float | None) -> str:
    """`to 2e90a48, which was live until 5 min ago; takes back the deploy by ana@laptop`; where servers go to several
    releases, those of each.
    """
    groups = plan.by_tag if plan.tags else {plan.tag: []}
    largest = max(map(len, groups.values()), default=0)
    where = [
        tag(other)
        + (f" on {count(len(on), 'server') if len(on) == largest > NAMED else listing(on, NAMED)}" if on else "")
        for other, on in groups.items()
    ]
    stay = [one_line(name) for name in undoes.stay]
    as_before = "stays as it is" if len(stay) == 1 else "stay as they are"
    rest = f"; {listing(stay, NAMED)} took no part in it and {as_before}" if stay else ""
    if undoes.moved:
        return f"to {'; '.join(where)}, which was live before somebody moved current{rest}"
    if not undoes.until:
        return f"to {'; '.join(where)}, the newest older release that did not fail{rest}"
    ended = f"; takes back the {undoes.kind} by {one_line(undoes.who)}" if undoes.kind and undoes.who else ""
    were = "were" if len(groups) > 1 else "was"
    when = f"live until {ago(now - undoes.until)}" if now is not None else "live before"
    return f"to {'; '.join(where)}, which {were} {when}{ended}{rest}"


def _pruned(plan: Plan, tag: Callable[[str], str]) -> list[str]:
    """The releases whose files go; where they do not go from every server, the servers in brackets."""
    by_tag: dict[str, list[str]] = {}
    for step in plan.steps:
        for pruned in step.prune:
            by_tag.setdefault(pruned, []).append(one_line(step.server))
    everywhere = len(plan.steps)
    return [tag(pruned) + (f" ({listing(on)})" if len(on) < everywhere else "") for pruned, on in by_tag.items()]


def _undoes(plan: Plan) -> bool:
    return any(step.back is not None for step in plan.steps)


def _way_back(plan: Plan, glyphs: Glyphs, tag: Callable[[str], str]) -> list[Line]:
    """From what an interrupted operation switched to, to where each server was."""
    before = dict.fromkeys(step.back.rpartition("/")[2] for step in plan.steps if step.back is not None)
    names = ", ".join(tag(one_line(left)) or "nothing" for left in before)
    return [line(("Live     ", "dim"), (tag(plan.tag), "strong"), (f" {glyphs.arrow} ", "accent"), (names, "ok"))]


def step_lines(
    plan: Plan, cells: int, glyphs: Glyphs, tag: Callable[[str], str] = short_tag, *, terminal: bool = False
) -> list[Line]:
    """The price on each server. Where there are many, those with the same price share a line, the most first; the
    others are exceptions, and named."""
    groups = sorted(alike(plan.steps, GROUPED_FROM), key=len, reverse=True)
    names = [_names(group) for group in groups]
    name_cells = column(names, max(cells // 3, 8), glyphs.more)
    shown = shortened(names, name_cells, glyphs.more)
    names_live = plan.changes_live and not _undoes(plan)
    out: list[Line] = []
    for name, group in zip(names, groups, strict=True):
        step = group[0]
        # What a refusal asks for is copied from here: a command that is cut is worse than none.
        price = one_line(step.price(), LONGEST_REFUSAL) if step.refusal else one_line(step.price())
        price = price if terminal or step.refusal else short_tags(price, tag)
        if step.tag not in ("", plan.tag) and step.action != NONE and not step.refusal:
            price += f", to {tag(step.tag)}"
        if step.current != plan.live and names_live and not step.refusal:
            price += f" (live there: {tag(step.current) if step.current else 'nothing'})"
        role = "bad" if step.refusal else "dim" if price == "nothing to do" else ""
        sign = (glyphs.cross, "bad") if step.refusal else (glyphs.dot if role else glyphs.now, role or "accent")
        if name.endswith(" servers") and group is not groups[0]:
            every = [one_line(step.server) for step in group]
            price = f"{listing(every, len(every) if terminal else NAMED)}: {price}"
        first, *rest = wrap(price, cells - name_cells - 4)
        out.append(line((f"{sign[0]} ", sign[1]), (fit(shown[name], name_cells) + "  ", "strong"), (first, role)))
        out += [line(" " * (name_cells + 4), (part, role)) for part in rest]
    return out


def _names(group: Sequence[Step]) -> str:
    names = [step.server for step in group]
    label = range_name(names)
    return f"{label} ({len(names)})" if len(names) > 1 and not label.endswith("servers") else label


def _field(label: str, text: str, cells: int, longest: int = 500) -> list[Line]:
    parts = wrap(one_line(text, longest), cells - 9)
    return [line((f"{label:<9}", "dim"), parts[0]), *(line(" " * 9, part) for part in parts[1:])]


def bullet(text: str, cells: int, sign: str, role: str) -> list[Line]:
    """A text behind a sign, in as many lines as that takes."""
    parts = wrap(one_line(text), cells - 2)
    return [line((f"{sign} ", role), (parts[0], role)), *(line("  ", (part, role)) for part in parts[1:])]
