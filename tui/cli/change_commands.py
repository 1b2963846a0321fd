"""Operations from the command line: plan, show, ask, execute."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.errors import EXIT_DONE, EXIT_FAILED, Cancelled, StateChanged, TurnoutError, UsageError
from tui.cli.command import Answer, Command, find

if TYPE_CHECKING:
    from core import Request
    from core.fleet import Fleet
    from core.jobs import Controls
    from core.plan import Plan
    from core.questions import Question


def carry_out(command: Command) -> Answer:
    """deploy, rollback, prune, pin, unpin, block, unblock, freeze and thaw."""
    ask_or_refuse(command)
    command.open(deploys=command.options.command == "deploy" and not command.options.words.from_store)
    request = command.options.request
    assert request is not None  # tui.cli.change_arguments
    return operate(command, request())


def ask_or_refuse(command: Command) -> None:
    """UsageError where a question is needed and cannot be asked."""
    options = command.options
    if not (options.yes or options.dry_run or command.can_ask):
        raise UsageError(
            f"cannot ask whether to {options.command}",
            detail="standard input and error are not both a terminal, or --json was given",
            hint="pass --yes to do it without asking, or --dry-run to see the plan",
        )


def operate(command: Command, request: Request) -> Answer:
    """Execute at once with --yes; else plan, show and ask, again and again while the servers change meanwhile."""
    options, output = command.options, command.output
    if not options.dry_run:
        command.fleet.allow_changes()
    if options.yes and not options.dry_run:
        return execute(command, request, None)
    while True:
        plan = show_plan(command, request)
        if not plan.executable:
            summary = "the plan is refused: nothing was changed"
            return {**_of(plan), "exit_code": EXIT_FAILED, "outcome": "refused", "summary": summary}
        if options.dry_run:
            summary = "dry run: nothing was changed"
            return {**_of(plan), "exit_code": EXIT_DONE, "outcome": "planned", "summary": summary}
        if plan.needless:
            summary = "nothing to do: every server is already as requested"
            return {**_of(plan), "exit_code": EXIT_DONE, "outcome": "nothing-to-do", "summary": summary}
        _confirm(command, plan)
        try:
            return execute(command, request, plan)
        except TurnoutError as error:
            if not find(error, StateChanged):
                raise
            output.error(error)
            output.say(["planning again"])
            output.narrator.finished = None


def show_plan(command: Command, request: Request) -> Plan:
    """Make the plan and show it: as data of a dry run, else as a part of the question."""
    from core import make_plan

    fleet = command.fleet
    plan = command.with_host_keys(
        lambda: command.follower.run("plan", lambda emit, controls: make_plan(fleet, request, emit, controls.cancel)),
    )
    command.output.plan(plan, asked=not command.options.dry_run)
    return plan


def execute(command: Command, request: Request, plan: Plan | None) -> Answer:
    import core

    fleet, wait = command.fleet, command.options.wait
    with command.output.progress():
        result = command.follower.run(
            "execute",
            lambda emit, controls: core.execute(fleet, request, plan, emit, controls, wait=wait),
            answer=_typed(fleet) if command.can_ask else None,
        )
    return {
        "exit_code": result.exit_code,
        "outcome": result.outcome,
        "kind": result.kind,
        "tag": result.tag,
        "summary": result.summary,
        "warnings": list(result.warnings),
        "round_trips": dict(result.round_trips or {}),
        **({"left_out": dict(result.left_out)} if result.left_out else {}),
    }


def _typed(fleet: Fleet) -> Callable[[Controls, str, Question], None]:
    """Gives what is typed at this operation's own questions."""
    who = fleet.project.settings.who

    def answer(controls: Controls, choice: str, question: Question) -> None:
        controls.questions.answer(choice, who, question=question.id)

    return answer


def _confirm(command: Command, plan: Plan) -> None:
    """Raises Cancelled unless a person agrees: to a protected environment by its name, across migrations by the tag."""
    environment = command.fleet.environment
    if plan.crosses_migrations:
        agreed = command.ask(f"{plan.question} It does not undo migrations: type {plan.tag}:") == plan.tag
    elif environment.protected:
        agreed = command.ask(f"{plan.question} It is protected: type its name:") == environment.name
    else:
        agreed = command.ask(f"{plan.question} [y/N]").lower() in ("y", "yes")
    if not agreed:
        raise Cancelled("not confirmed", hint="nothing was changed")


def _of(plan: Plan) -> Answer:
    return {"kind": plan.kind, "tag": plan.tag, "warnings": list(plan.warnings)}
