"""What a plan says of blue and green: which slots there are for the release, and what has to be known before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from core.config.check_values import PORT
from core.fleet import Fleet, at_once
from core.operations.planning import Prepared
from core.plan import Plan, Refusal, Step
from core.records import ServerState, SlotUse
from core.slots import Slots, in_the_way


def with_slots(fleet: Fleet, prepared: Prepared, states: Sequence[ServerState], *, hooks: bool = True) -> Prepared:
    """The same, refused on servers where the release gets no slot; with the ports that its checks ask.

    hooks   False: none runs that starts or stops something
    """
    ports, plan = fleet.environment.slots, prepared.plan
    if not plan.steps:
        return prepared
    known = {state.server: state for state in states}
    if not ports:
        said = _no_slots_any_more(plan, known, stops=hooks and _stops(fleet))
        return replace(prepared, plan=replace(plan, warnings=(*plan.warnings, *said))) if said else prepared
    slots = Slots(ports, known, plan.tag, plan.tags, keeps=not hooks)
    moving = [name for name in plan.moving if name in known]
    asked = any(check.http and PORT in check.http for check in fleet.project.checks) if moving else False

    def refused(step: Step) -> Step:
        if step.refusal or step.server not in known:
            return step
        if step.server in moving:
            problem = slots.choice(step.server).problem
            return replace(step, refusal=Refusal(f"{problem}{_way_out(problem)}")) if problem else step
        if asked and step.server in plan.reaching and not slots.of(step.server).slot:
            tag = plan.tag_on(step.server)
            text = (
                f"{tag} is live there without a slot, so {PORT} of the checks stands for nothing: deploy a new release"
            )
            return replace(step, refusal=Refusal(text))
        return step

    steps = tuple(refused(step) for step in plan.steps)
    said = [*_warnings(plan, slots, known, moving, stops=hooks and _stops(fleet)), *_one_machine(fleet, moving)]
    checks = tuple(_with_port(check, slots, plan.reaching) for check in plan.checks)
    return replace(prepared, plan=replace(plan, steps=steps, warnings=(*plan.warnings, *said), checks=checks))


def with_taken_ports(fleet: Fleet, plan: Plan, states: Mapping[str, ServerState], *, hooks: bool = True) -> Plan:
    """The plan, with a warning where something else listens at the port of the slot that a release would get: then
    nothing is started there. Before a release is started this is looked at again, under the lock.
    """
    stops = {
        server.name: any(hook.on == "retire" and hook.concerns(server) for hook in fleet.project.hooks)
        for server in fleet.servers
    }
    if not fleet.environment.slots or not hooks or not plan.executable or not any(stops.values()):
        return plan
    slots = Slots(fleet.environment.slots, states, plan.tag, plan.tags)
    wanted: dict[str, SlotUse] = {}
    for name in plan.moving:
        choice = slots.choice(name) if name in states and stops[name] else None
        if choice and choice.use and not choice.stale:
            wanted[name] = choice.use
    heard = at_once(wanted, lambda name: fleet.session(name).listening([wanted[name].port])).results
    said: dict[str, list[str]] = {}
    for name, ports in heard.items():
        if not ports:
            continue
        use, other = wanted[name], slots.choice(name).use if slots.another(name) else None
        end = f"{plan.tag_on(name)} gets {other.slot} (port {other.port})" if other else "nothing is started there"
        text = f"something listens at port {use.port} of the slot {use.slot}: unless it stops, {end}"
        said.setdefault(text, []).append(name)
    more = (f"{', '.join(names)}: {text}" for text, names in said.items())
    return replace(plan, warnings=(*plan.warnings, *more))


def _stops(fleet: Fleet) -> bool:
    return any(hook.on == "retire" for hook in fleet.project.hooks)


def _way_out(problem: str) -> str:
    """What to do where a release gets no slot."""
    if "interrupted" in problem:
        return ": `turnout recover` ends what was interrupted"
    return ": give `slots` in turnout.toml one more"


def _warnings(
    plan: Plan, slots: Slots, states: dict[str, ServerState], moving: Sequence[str], *, stops: bool
) -> list[str]:
    """What is stopped first, and what is live without a slot."""
    said: dict[str, list[str]] = {}
    for name in moving:
        choice = slots.choice(name)
        if choice.turn:
            text = (
                f"{choice.stale[0].tag} may still serve, so the after-switch hooks of {states[name].current} run first"
            )
            said.setdefault(text, []).append(name)
        for use in choice.stale if stops else ():
            text = f"{use.tag}, which is not live, has the slot {use.slot}: its retire hooks run first"
            said.setdefault(text, []).append(name)
        live = states[name].current
        if slots.keeps and choice.use and choice.use.slot:
            tag, slot = plan.tag_on(name), choice.use.slot
            text = f"no hook starts {tag}, so it gets the slot {slot}, where {live} goes on running"
            said.setdefault(text, []).append(name)
        if live and not slots.of(name, live).slot and not slots.keeps:
            text = (
                f"{live} is live without a slot: no hook that names TURNOUT_SLOT or TURNOUT_PORT runs for it, so stop "
            )
            said.setdefault(f"{text}it by hand once {plan.tag_on(name)} is live", []).append(name)
    return [f"{', '.join(names)}: {text}" for text, names in said.items()]


def _no_slots_any_more(plan: Plan, states: dict[str, ServerState], *, stops: bool) -> list[str]:
    """What has a slot that turnout.toml has no more."""
    said: dict[str, list[str]] = {}
    for name in plan.moving:
        tag = plan.tag_on(name)
        for use in states[name].slots if name in states else ():
            if use.tag != tag:
                end = "its retire hooks get both" if stops else "no retire hook stops it: stop it by hand"
                text = f"{use.tag} has the slot {use.slot} (port {use.port}), and turnout.toml has no slots any more"
                said.setdefault(f"{text}. Once {tag} is live, {end}", []).append(name)
    return [f"{', '.join(names)}: {text}" for text, names in said.items()]


def _one_machine(fleet: Fleet, moving: Sequence[str]) -> list[str]:
    """Servers that start a release at one port of one machine."""
    starting = [server for server in fleet.starting if server.name in moving]
    machines = fleet.machines(starting) if len(starting) > 1 else {}
    found = in_the_way({server.name: fleet.environment.slots for server in starting}, machines)
    return [f"{name}: {text}" for name, text in found.items()]


def _with_port(check: str, slots: Slots, servers: Iterable[str]) -> str:
    """A check as a plan shows it, with the port in it; where servers differ, with each one's."""
    if PORT not in check:
        return check
    found: dict[int, list[str]] = {}
    for name in servers:
        if use := slots.of(name):
            found.setdefault(use.port, []).append(name)
    known = {port: names for port, names in found.items() if port}
    if len(found) == 1 and known:
        return check.replace(PORT, str(next(iter(known))))
    each = "; ".join(f"{port} on {', '.join(names)}" for port, names in known.items())
    return f"{check} ({PORT} is {each})" if each else check
