"""The plan dialog: the engine makes the plan while its steps are shown, then a person sees the price and decides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Button, Input

from core.errors import Cancelled, TurnoutError
from core.events import Event
from core.jobs import Controls, Job
from core.plan import Plan
from core.questions import OTHER, USUAL_HOLD
from tui.dialogs.base import Dialog, button, relabel
from tui.dialogs.typed import Typed
from tui.keymap import Keymap, bindings
from tui.model.bridge import Bridge
from tui.model.news import News
from tui.model.pages import topic
from tui.view.formats import short_tag, short_tags
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, crop, line
from tui.view.part_lines import part_lines
from tui.view.plan_lines import plan_lines, plan_names
from tui.view.plan_news import news_lines, way_on
from tui.view.planning_lines import no_plan_lines, planning_lines
from tui.view.progress import Progress
from tui.view.progress_lines import more_lines
from tui.view.promotion_words import promotion_words
from tui.widgets.paint import Lines

if TYPE_CHECKING:
    from core import Request
    from core.fleet import Fleet


class PlanDialog(Dialog[Plan]):
    """Answers the plan that a person agreed to, or None. Planning is an engine job; leaving the dialog cancels it.

    In a protected environment the field for its name has the focus from the start: what is typed goes there. A plan
    that goes back across migrations asks for the release's tag there in place of the name.

    Where others change its servers, or what is deployed moves on, while it is shown, the plan no longer holds: a yes
    only has another one made. While others work on its servers it takes none.
    """

    AUTO_FOCUS = "#name, #close"
    BINDINGS = bindings("yes", "hold")
    has_ages = True

    def __init__(
        self,
        fleet: Fleet,
        request: Request,
        title: str,
        *,
        bridge: Bridge,
        keymap: Keymap,
        glyphs: Glyphs,
        now: Callable[[], float],
        news: Callable[[Plan, float, News], News] = lambda plan, made, before: News(),
        known: Collection[str] = (),
    ) -> None:
        """known   the tags of the environment's releases: none of them is called as another one"""
        super().__init__()
        self.title_text = title
        self.plan: Plan | None = None
        self.error: TurnoutError | None = None
        self._news_of = news
        self._known = known
        self._called: Callable[[str], str] = short_tag
        self.news = News()
        self._made = 0.0
        self._fleet = fleet
        self.request = request
        self._bridge = bridge
        self._keymap = keymap
        self._glyphs = glyphs
        self._now = now
        self._environment = fleet.environment
        self._chosen = tuple(server.name for server in fleet.servers)
        self._begin()
        self._end_ticks: Callable[[], None] = lambda: None

    def _begin(self) -> None:
        self._progress = Progress("plan", self._environment.name, [], started=self._now())
        self._heard: set[str] = set()
        self._job: Job[Plan] = Job("plan", self._work)

    def _work(self, emit: Callable[[Event], None], controls: Controls) -> Plan:
        from core import make_plan

        return make_plan(self._fleet, self.request, emit, controls.cancel, self._heard.add)

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="body", can_focus=False):
            yield Lines(id="text")
        yield Typed(disabled=not self._environment.protected)

    def compose_buttons(self) -> ComposeResult:
        yield button("Cancel", "close", self.close_key)
        yield button("Run", "yes", risky=True, disabled=True)

    def on_mount(self) -> None:
        self._end_ticks = self._bridge.on_tick(self.while_here(self._ticked))
        self._start()

    def _start(self) -> None:
        """Have the plan made; until it is there, nothing can be agreed to."""
        self._field.display = self._environment.protected
        self._say_what_to_type("Protected", self._environment.name)
        self.query_one("#yes").display = False
        self._bridge.follow(self._job, self.while_here(self._planned), self._said)
        self._job.start()

    def every_second(self) -> None:
        self._look()
        super().every_second()

    def _look(self) -> None:
        """Take in what others did on the servers since the plan was made."""
        if self.plan is None:
            return
        before, self.news = self.news, self._news_of(self.plan, self._made, self.news)
        if self.news.held != before.held:
            self.show_what_to_agree_to()
        if self.news.stale and not before.stale:
            self._field.field.value = ""
            self._field.display = False
            self.set_focus(self.query_one("#close", Button))
            self._offer_yes(self._keymap.shown("yes"), "Plan again")
            self.show_what_to_agree_to()

    def _plan_again(self) -> None:
        self.plan, self.news = None, News()
        self._field.field.disabled = not self._environment.protected
        relabel(self.query_one("#close", Button), "Cancel", self.close_key)
        self.set_title(self.title_text)
        self.set_focus(self.query_one("#name" if self._environment.protected else "#close"))
        self._begin()
        self._start()
        self.draw()

    def _say_what_to_type(self, why: str, word: str) -> None:
        self._field.label(line((f"{why}: type ", "warn"), (word, "strong"), (" to go on ", "warn")))

    def on_unmount(self) -> None:
        self._end_ticks()

    def _ticked(self) -> None:
        if self.plan is None and self.error is None:
            self.draw()

    def _said(self, events: list[Event]) -> None:
        for event in events:
            self._progress.apply(event)

    def _planned(self, job: Job[Plan]) -> None:
        self.plan, self.error, self._made = job.outcome, job.error, self._now()
        if isinstance(self.error, Cancelled):
            self.dismiss(None)
            return
        if self.plan is None:
            self.set_title("No plan could be made", bad=True)
        else:
            self._called = plan_names(self.plan, self._known)
            self.set_title(short_tags(self.plan.title, self._called), bad=not self.plan.executable)
            self._offer(self.plan)
            self.show_what_to_agree_to()
        if not self._may_run:
            close = self.query_one("#close", Button)
            relabel(close, "Close", self.close_key)
            self.set_focus(close)
            self._field.display = False
        self.draw()

    def _offer(self, plan: Plan) -> None:
        """Show the button that lets the plan run; in a protected environment Enter in the field for its name does."""
        if not self._may_run:
            return
        if plan.crosses_migrations:
            field = self._field.field
            field.value, field.disabled = "", False
            self._say_what_to_type("Migrations stay", self._words_to_type[-1])
            self._field.display = True
            self.set_focus(field)
        self._offer_yes(self._agree_key, self._verb(plan))

    def draw(self) -> None:
        if self.plan is not None and self._may_run and not self.news.stale:
            self._offer_yes(self._agree_key, self._verb(self.plan))
        super().draw()

    def _verb(self, plan: Plan) -> str:
        """What a yes does: `Roll back`, `Promote staging → production`."""
        source = getattr(self.request, "source", "")
        if not source:
            return plan.verb
        return promotion_words(plan.verb, source, self._environment.name, self.yes_cells, self._glyphs)

    @property
    def _field(self) -> Typed:
        return self.query_one(Typed)

    @property
    def _agree_key(self) -> str:
        """The key that agrees to the plan."""
        return "Enter" if self._words_to_type else self._keymap.shown("yes")

    def _offer_yes(self, key: str, verb: str) -> None:
        yes = self.query_one("#yes", Button)
        relabel(yes, verb, key)
        yes.display = True

    @property
    def can_agree(self) -> bool:
        return self.news.stale or (self._may_run and self._typed and not self.news.held)

    @property
    def _way_on(self) -> str:
        """What a person can do while others keep the plan from running."""
        keys = {name: self._keymap.shown(name) for name in ("close", "break-lock")}
        return way_on(self.news.frees, self._agree_key, keys)

    @property
    def _may_run(self) -> bool:
        # A recovery that finds every server as asked still has journals to close.
        plan = self.plan
        return plan is not None and plan.executable and not plan.needless

    @property
    def _words_to_type(self) -> tuple[str, ...]:
        """What a person may type to agree; nothing where a key is enough."""
        if self.plan is not None and self.plan.crosses_migrations:
            return (self.plan.tag, short_tag(self.plan.tag), self._called(self.plan.tag))
        return (self._environment.name,) if self._environment.protected else ()

    @property
    def _typed(self) -> bool:
        """Whether it was typed, where something is to be typed."""
        words = self._words_to_type
        return not words or self._field.value in words

    def lines(self, cells: int) -> Sequence[Line]:
        if self.plan is not None:
            lines = [
                *plan_lines(self.plan, cells, self._glyphs, now=self._now(), name=self._called),
                *self._hold_hint(cells),
            ]
            news, total = self.news, len(self.plan.fingerprints)
            way = "" if news.stale else self._way_on
            lines = [*news_lines(news.moved, news.changed, total, news.held, way, cells, self._glyphs), *lines]
            return [*part_lines(self._chosen, len(self._environment.servers), cells), *lines]
        if self.error is not None:
            out = no_plan_lines(self.error, self._chosen, self._mark_key, cells, self._glyphs)
            return [*out, *more_lines(topic(self.error), cells)]
        waited_for = [name for name in self._chosen if name not in self._heard]
        return planning_lines(self._progress, waited_for, len(self._chosen), cells, self._now(), self._glyphs)

    def _hold_hint(self, cells: int) -> Sequence[Line]:
        """That a key holds it, or no longer; where a name is typed, letters go there."""
        plan = self.plan
        if plan is None or not self._may_run or "barrier" not in plan.phases or self._words_to_type:
            return []
        if plan.hold and self._environment.hold and not plan.goes_back:
            return []
        key = self._keymap.shown("hold")
        said = "Do not hold: switch as soon as all is ready" if plan.hold else "Hold: wait before the switch for a go"
        return [(), crop(line((f"{key}  ", "key"), (said, "dim")), cells)]

    @property
    def _mark_key(self) -> str:
        """The key that marks servers, where this operation may be on some of them only."""
        from core import DeployRequest, PruneRequest, RollbackRequest

        some = isinstance(self.request, DeployRequest | PruneRequest | RollbackRequest)
        return self._keymap.shown("mark") if some else ""

    def agree(self) -> None:
        if self.news.stale:
            self._plan_again()
        elif not self._may_run:
            self.notice(self._why_not(), severity="warning", seconds=3)
        elif self.news.held:
            self.notice(f"{self.news.held}; {self._way_on}", severity="warning", seconds=4)
        elif not self._typed:
            leave = self.close_key
            self._field.complain(f"type {self._words_to_type[-1]} exactly, or {leave} leaves")
        else:
            self.dismiss(self.plan)

    def _why_not(self) -> str:
        """Why there is nothing to agree to."""
        if self.plan is None and self.error is None:
            return "wait until you can see the plan"
        left = f"{self._keymap.shown('close')} leaves"
        if self.plan is None:
            return f"there is no plan; {left}"
        return f"there is nothing to do; {left}" if self.plan.executable else f"the plan says why not; {left}"

    def action_hold(self) -> None:
        """Let it wait at the barrier for somebody to say go, or not."""
        plan = self.plan
        if plan is None or self.news.stale or not self._may_run or "barrier" not in plan.phases:
            return
        if self._environment.hold and not plan.goes_back:
            self.notice("turnout.toml holds every deploy here", seconds=3)
            return
        seconds = 0.0 if plan.hold else USUAL_HOLD
        approve = OTHER if seconds and self._environment.approve == OTHER else ""
        self.request = replace(self.request, hold=seconds or None)
        self.plan = replace(plan, hold=seconds, approve=approve)
        self.show_what_to_agree_to()
        self.draw()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.allow()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.action_yes()

    def action_close(self) -> None:
        self._job.controls.cancel.request_apart()
        self.dismiss(None)
