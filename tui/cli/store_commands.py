"""`turnout store push|list|verify|prune`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.errors import EXIT_DONE, EXIT_FAILED, Cancelled, UsageError
from core.rows.commands import stored_row
from core.text import count, size, some
from tui.cli.command import Answer, Command
from tui.view.store_lines import prune_lines, stored_lines, verified_lines

if TYPE_CHECKING:
    from core.events import Emit
    from core.jobs import Controls
    from core.rows.commands import StoredRow
    from core.store.catalog import Pruning, StoredTree


def carry_out(command: Command) -> Answer:
    match command.options.words.action:
        case "push":
            return _push(command)
        case "list":
            return _list(command)
        case "verify":
            return _verify(command)
    return _prune(command)


def _push(command: Command) -> Answer:
    from core.operations.storing import Pushing, push
    from core.store.catalog import short
    from core.store.objects import store_of

    project, words = command.read(), command.options.words
    environment = command.choose_environment()
    project = project.in_environment(environment)
    store_of(project)

    def work(emit: Emit, controls: Controls) -> Pushing:
        cancel = controls.cancel
        return push(project, environment.name, words.ref, emit, cancel, rebuild=words.rebuild, again=words.again)

    done = command.follower.run("push", work)
    manifest = done.tree.manifest
    amount = f"{size(manifest.bytes)} in {count(manifest.files, 'file')}"
    what = f"{short(done.tree.revision)} for {environment.name}: {amount}"
    summary = f"the store had it already: {what}"
    if not done.there:
        summary = f"in the store: {what}, {size(done.pack.bytes)} packed"
    return {"exit_code": EXIT_DONE, "outcome": "nothing-to-do" if done.there else "done", "summary": summary}


def _list(command: Command) -> Answer:
    from core.operations.storing import stored

    project = command.read()
    named = command.options.environment
    environment = command.choose_environment().name if named else ""
    found = command.follower.run("list", lambda emit, controls: stored(project, controls.cancel, environment))
    command.output.table(stored_lines(found, time.time()), _rows(found))
    total = size(sum(tree.bytes for tree in found))
    return {"exit_code": EXIT_DONE, "outcome": "done", "summary": f"{count(len(found), 'tree')}, {total}"}


def _verify(command: Command) -> Answer:
    from core.operations.storing import verify

    project = command.read()
    found = command.follower.run("verify", lambda emit, controls: verify(project, emit, controls.cancel))
    rows = [stored_row(digest, fault=fault) for digest, fault in found.items()]
    command.output.table(verified_lines(found, command.output.glyphs), rows)
    wrong = sum(bool(fault) for fault in found.values())
    summary = f"{count(len(found), 'tree')}, {wrong} not right" if wrong else f"{count(len(found), 'tree')}, all right"
    hint = ": `turnout store push --again` puts a revision there once more" if wrong else ""
    return {
        "exit_code": EXIT_FAILED if wrong else EXIT_DONE,
        "outcome": "failed" if wrong else "done",
        "summary": summary + hint,
    }


def _prune(command: Command) -> Answer:
    from core.operations.storing import plan_prune, prune

    options, words = command.options, command.options.words
    if not (options.yes or options.dry_run or command.can_ask):
        raise UsageError(
            "cannot ask whether to prune the store",
            detail="standard input and error are not both a terminal, or --json was given",
            hint="pass --yes to do it without asking, or --dry-run to see the plan",
        )
    project, unused_for = command.read(), words.unused_for
    run = command.follower.run
    plan = run("plan", lambda emit, controls: plan_prune(project, controls.cancel, unused_for))
    command.output.table(prune_lines(plan, time.time()), _rows(plan.trees) if options.dry_run else ())
    if plan.empty or options.dry_run:
        outcome = "nothing-to-do" if plan.empty else "planned"
        summary = "nothing to remove" if plan.empty else "dry run: nothing was changed"
        return {"exit_code": EXIT_DONE, "outcome": outcome, "summary": f"{summary}; {_kept(plan)}"}
    if not options.yes and command.ask("Remove this from the store? [y/N]").lower() not in ("y", "yes"):
        raise Cancelled("not confirmed", hint="nothing was changed")
    done = run("prune", lambda emit, controls: prune(project, plan, controls.cancel, unused_for))
    command.output.table((), _rows(done.trees, removed=True))
    summary = f"removed {count(len(done.trees), 'tree')}, freed {size(done.bytes)}; {_kept(done)}"
    return {"exit_code": EXIT_DONE, "outcome": "done", "summary": summary}


def _rows(trees: Iterable[StoredTree], *, removed: bool = False) -> list[StoredRow]:
    return [stored_row(tree.digest, tree.bytes, tree.newest, said=tree.said, removed=removed) for tree in trees]


def _kept(plan: Pruning) -> str:
    stay = f"{count(plan.kept, 'tree')} {'stays' if plan.kept == 1 else 'stay'}"
    if not plan.unused:
        return stay
    return f"{stay}, with all that was pushed for {some(plan.unused, 3)}, where nothing has been deployed yet"
