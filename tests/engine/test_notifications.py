"""People are told how operations end, through Apprise and a real HTTP receiver; nothing of that fails an operation."""

from __future__ import annotations

import json
import threading
import time

import pytest

from core import DeployRequest, RollbackRequest
from core.config import parse
from core.errors import TurnoutError
from core.events import Asked
from core.fleet import Fleet
from core.operations import sentence
from core.operations.notifications import tell_waiting
from core.operations.run import Run
from core.questions import Choice, Question
from core.settings import Settings
from tests.projects import hook
from tests.waiting import until
from tests.web_servers import Handler, serving

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise asks for modules that go


class _Receiver(Handler):
    def do_POST(self):
        server = self.server
        server.before_it_hears()
        heard = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/hang"):
            server.release.wait(30)
        server.heard.append((self.path, json.loads(heard)))
        self.send_response(500 if self.path.endswith("/broken") else 200)
        self.end_headers()


@pytest.fixture
def receiver():
    with serving(_Receiver) as server:
        server.heard, server.release, server.before_it_hears = [], threading.Event(), lambda: None
        server.address = f"127.0.0.1:{server.server_address[1]}"
        yield server
        server.release.set()


def test_people_are_told_how_an_operation_ended(sshd, project_factory, engine, receiver, monkeypatch):
    monkeypatch.setenv("CHAT_URL", f"json://{receiver.address}/hunter2hunter2")
    monkeypatch.setenv("BODY_SECRET", 's3cret "quoted"')
    extra = '[[notify]]\nurl = "${CHAT_URL}"\n[[notify]]\nurl = "${NOT_SET}"\non = ["success"]\n'
    extra += f'[[notify]]\nurl = "json://{receiver.address}/other"\nenvironments = ["staging"]\n'
    extra += '[environments.staging]\nservers = [{name = "s", host = "s", root = "/srv/s"}]\n'
    extra += f'[[hooks]]\non = "success"\nwebhook = "http://{receiver.address}/hook"\n'
    extra += """body = '{"tag": "{tag}", "why": "{reason}", "token": "${BODY_SECRET}"}'\n"""
    project = project_factory([sshd], extra=extra)
    operator = engine(project)
    first = operator.run(DeployRequest(tag="r1", reason='say "hello"'))
    assert first.warnings == ("notify[1] was not told: the variable NOT_SET is not set",)
    said = dict(receiver.heard)
    assert said["/hook"] == {"tag": "r1", "why": 'say "hello"', "token": 's3cret "quoted"'}
    message = said["/hunter2hunter2"]
    assert message["title"] == "shop production: deploy of r1 is live" and message["type"] == "success"
    assert "deployed r1 on shop production. It is live on 1 server after" in message["message"]
    assert 'What: The first version. Why: say "hello".' in message["message"]
    assert "/other" not in said
    project.commit({"index.html": "two\n"})
    operator.run(DeployRequest(tag="r2"))
    receiver.heard.clear()
    operator.run(RollbackRequest())
    told = dict(receiver.heard)["/hunter2hunter2"]
    assert "rolled back to r1" in told["message"] and "Before it, r2 was live." in told["message"]
    receiver.heard.clear()
    project.config.write_text(project.config.read_text() + hook("before-switch", "echo no; exit 3"))
    with pytest.raises(TurnoutError):
        engine(project).run(DeployRequest(tag="r3"))
    ((_, told),) = [item for item in receiver.heard if item[0] == "/hunter2hunter2"]
    assert told["type"] == "failure" and told["title"] == "shop production: deploy of r3 failed"
    assert "failed after" in told["message"] and "nothing was switched" in told["message"].lower()


def test_a_notification_that_fails_or_hangs_is_a_warning_in_its_time(sshd, project_factory, engine, receiver):
    extra = "".join(
        f'[[notify]]\nurl = "{url}"\ntimeout = "1500ms"\n'
        for url in (
            f"json://{receiver.address}/hang",
            f"json://{receiver.address}/broken",
            "json://127.0.0.1:1/gone",
            "nosuchservice://x",
        )
    )
    operator = engine(project_factory([sshd], extra=extra))
    began = time.monotonic()
    result = operator.run(DeployRequest(tag="r1"))
    assert result.outcome == "done" and time.monotonic() - began < 20
    hang, broken, gone, unknown = sorted(result.warnings)
    assert hang == "notify[0] was not told: no answer within 1.5 s"
    assert broken.startswith("notify[1] was not told: ") and gone.startswith("notify[2] was not told: ")
    assert unknown.startswith("notify[3] was not told: its url is not one that Apprise knows")
    assert (sshd.files / "current").is_symlink() and not (sshd.files / ".turnout/lock").exists()


def test_each_end_is_told_in_words_that_a_person_understands():
    facts = {
        "kind": "deploy",
        "place": "shop production",
        "who": "ana@laptop",
        "servers": 2,
        "tag": "r2",
        "seconds": 12.0,
    }
    done = sentence.Story(**facts, before="r1", what="Fix totals", why="hotfix")
    assert sentence.ended(done) == (
        "ana@laptop deployed r2 on shop production. It is live on 2 servers after 12 s. Before it, r1 was live. "
        "What: Fix totals. Why: hotfix."
    )
    stuck = sentence.Story(**facts, outcome="needs-person", problem="web2 could not be switched back.")
    assert sentence.title(stuck) == "shop production: deploy of r2 needs a person"
    assert sentence.ended(stuck) == (
        "ana@laptop's deploy of r2 on shop production stopped half-way after 12 s: web2 could not be switched back. "
        "A person has to look: run `turnout recover production`."
    )
    early = sentence.Story(**{**facts, "tag": ""}, outcome="cancelled", problem="cancelled by the operator.")
    assert sentence.title(early) == "shop production: deploy was cancelled"


def test_people_are_told_that_an_operation_waits_for_an_answer(tmp_path, receiver):
    config = 'project = "shop"\n[source]\ngit = "."\n[environments.production]\n'
    config += 'servers = [{ name = "web1", host = "web1", root = "/srv/shop" }]\n'
    config += f'[[notify]]\nurl = "json://{receiver.address}/held"\non = ["hold"]\n'
    project = parse(config, tmp_path / "turnout.toml", Settings(environ={}))
    run = Run(Fleet(project, project.environment("production")), "deploy", lambda event: None, "hotfix")
    choices = (Choice("go", "2 servers switch to r2"), Choice("abort", "nothing is switched"))
    question = Question(kind="hold", text="r2 is ready on 2 servers.", choices=choices, default="abort", deadline=1.8e9)
    tell_waiting(run, question, None, lambda: True)
    until(lambda: receiver.heard, "the message")
    ((path, told),) = receiver.heard
    assert path == "/held" and told["title"] == "shop production waits for an answer" and told["type"] == "warning"
    assert "waits for an answer until 08:00 UTC, then abort. r2 is ready on 2 servers." in told["message"]
    assert (
        "`turnout answer production CHOICE`. go: 2 servers switch to r2; abort: nothing is switched." in told["message"]
    )
    assert told["message"].endswith("Why: hotfix.")


def test_people_are_told_of_a_hold_once_they_can_answer_it(servers, project_factory, engine, receiver):
    places = servers(2)
    held = f'[[notify]]\nurl = "json://{receiver.address}/held"\non = ["hold"]\n'
    operator = engine(project_factory(places, extra=held))
    shown = []

    def go():
        shown.append([(place.files / ".turnout/lock/question").exists() for place in places])
        operator.controls.questions.answer("go", "bo@laptop")

    receiver.before_it_hears = go
    operator.run(DeployRequest(tag="r1", hold=600.0))
    assert shown == [[True, True]] and [path for path, _ in receiver.heard] == ["/held"]
    # One that is answered before that has nobody to tell.
    operator.on_event = lambda event: (
        operator.controls.questions.answer("go", "ana@laptop") if isinstance(event, Asked) else None
    )
    operator.run(DeployRequest(tag="r2", hold=600.0))
    assert len(receiver.heard) == len(shown) == 1
