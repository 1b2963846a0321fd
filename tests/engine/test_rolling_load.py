"""A rolling deploy of six applications behind a real nginx, under load: what is drained is asked for nothing."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from core import DeployRequest
from core.errors import CheckFailed, FleetError
from core.events import BatchStarted, Switched
from tests.engine.driving import at_rest, live
from tests.engine.test_blue_green import APPLICATION, NGINX
from tests.load import Load
from tests.projects import hook
from tests.servers import free_port, need

RESTART = """
pid=$(cat $TURNOUT_ROOT/pid 2> /dev/null) && kill $pid && while kill -0 $pid 2> /dev/null; do sleep 0.02; done
port=$(cat $TURNOUT_ROOT/port)
{python} $TURNOUT_ROOT/current/app.py $port > /dev/null 2>&1 < /dev/null & echo $! > $TURNOUT_ROOT/pid
until {python} -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2> /dev/null; do sleep 0.02; done
"""
LOGGING = APPLICATION.replace(
    "        self.send_response(500 if",
    """        broken = body == b"worse" and next(numbers) % 10 == 0
        with lock, open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "log", "access.log"), "a") as log:
            at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
            log.write(f'127.0.0.1 - - [{at}] "GET / HTTP/1.1" {500 if broken else 200} {len(body)}\\n')
        self.send_response(500 if broken or""",
).replace("import http.server,", "import http.server, itertools, time,")
LOGGING = LOGGING.replace("class Handler", "numbers, lock = itertools.count(1), threading.Lock()\n\nclass Handler")
"""The application with an access log. The release `worse` answers one request in ten with 500."""
CANARY = """
[[checks]]
log = "log/access.log"
over = "2%"
bake = "4s"
interval = "1s"
"""
UPSTREAMS = """
for name in {names}; do [ -e {folder}/drained.$name ] || cat {folder}/port.$name; done > {folder}/slot.conf
{nginx} -c {folder}/nginx.conf -s reload && sleep 0.6
"""
"""The servers that nginx asks; the requests that its old workers have taken are answered before anything stops."""


@pytest.fixture
def balanced(servers, project_factory, engine, tmp_path):
    """Six servers in batches of two behind nginx, all on r1; gives the places, the project, its engine and the port."""
    folder, nginx = tmp_path / "nginx", need("nginx")
    folder.mkdir()
    fleet, port = servers(6), free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    for place in fleet:
        own = free_port()
        place.files.mkdir(parents=True, exist_ok=True)
        (place.files / "port").write_text(f"{own}\n")
        (folder / f"port.{place.alias}").write_text(f"server 127.0.0.1:{own};\n")
    (folder / "slot.conf").write_text("".join((folder / f"port.{place.alias}").read_text() for place in fleet))
    upstreams = UPSTREAMS.format(names=" ".join(place.alias for place in fleet), folder=folder, nginx=nginx)
    each = f"for name in $TURNOUT_BATCH; do {{}} {folder}/drained.$name; done; {upstreams}"
    extra = hook("drain", each.format("touch"), where="operator")
    extra += hook("return", each.format("rm -f"), where="operator")
    extra += hook("after-switch", RESTART.format(python=sys.executable))
    project = project_factory(
        fleet,
        files={"app.py": LOGGING, "index.html": "r1\n"},
        deploy={"shared": ["log/"]},
        environment_options={"strategy": "rolling", "batch": 2},
        extra=extra,
    )
    operator = engine(project)
    operator.run(DeployRequest(tag="r1", at_once=True))
    os.spawnlp(os.P_WAIT, nginx, nginx, "-c", str(folder / "nginx.conf"))
    yield fleet, project, operator, port
    for file in [folder / "pid", *(place.files / "pid" for place in fleet)]:
        if file.exists():
            os.kill(int(file.read_text()), signal.SIGTERM)


@pytest.mark.slow
def test_a_rolling_deploy_and_one_that_is_taken_back_lose_no_request(balanced, engine):
    fleet, project, operator, port = balanced
    project.commit({"index.html": "r2\n"})
    with Load(port) as load:
        load.more()
        operator.deploy(tag="r2")
        load.more()
    assert set(load.said) == {"200 r1", "200 r2"}, load.said
    assert {live(place) for place in fleet} == {"r2"} and load.sequence[-50:] == ["200 r2"] * 50
    print(f"\n{load.said.total()} requests: {dict(load.said)}, none lost")
    failing = '\n[[checks]]\nrun = "test $TURNOUT_BATCH_NUMBER != 3"\nattempts = 1\n'
    project.config.write_text(project.config.read_text() + failing)
    project.commit({"index.html": "r3\n"})
    other = engine(project)
    with Load(port) as load:
        load.more()
        with pytest.raises(FleetError):
            other.deploy(tag="r3")
        load.more()
    assert set(load.said) == {"200 r2", "200 r3"}, load.said
    assert {live(place) for place in fleet} == {"r2"} and load.sequence[-50:] == ["200 r2"] * 50
    print(f"{load.said.total()} requests: {dict(load.said)}, none lost on the way there and back")
    at_rest(fleet)


def failures(place):
    """How many requests an application has answered with 500, by its own log."""
    return (place.files / "shared/log/access.log").read_text().count(" 500 ")


@pytest.mark.slow
def test_only_the_canarys_requests_see_a_release_that_is_worse(balanced, engine):
    fleet, project, _, port = balanced
    text = project.config.read_text().replace('strategy = "rolling"', 'strategy = "rolling"\ncanary = 1')
    project.config.write_text(text + CANARY)
    project.commit({"index.html": "worse\n"})
    operator = engine(project)
    with Load(port) as load:
        load.more(300)
        error = operator.fails(lambda: operator.deploy(tag="worse"), CheckFailed)
        load.more(200)
    assert "answers since the switch were 5xx" in error.detail, error.detail
    assert {event.server for event in operator.said(Switched)} == {"web1"}
    assert [event.number for event in operator.said(BatchStarted)][:1] == [1]
    assert {live(place) for place in fleet} == {"r1"} and load.sequence[-50:] == ["200 r1"] * 50
    assert set(load.said) == {"200 r1", "200 worse", "500 worse"}, load.said
    assert [failures(place) for place in fleet] == [load.said["500 worse"], 0, 0, 0, 0, 0]
    print(f"\n{load.said.total()} requests: {dict(load.said)}; all that failed were the canary's, none was lost")
    at_rest(fleet)
