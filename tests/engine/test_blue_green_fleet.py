"""Blue and green on six servers behind a real nginx, under load: all of them are turned, and no request is lost."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from core.errors import FleetError
from tests.engine.driving import at_rest, live
from tests.engine.test_blue_green import APPLICATION, NGINX
from tests.load import Load
from tests.projects import hook
from tests.servers import free_port, need

START = '{python} app.py "$TURNOUT_PORT" "$(cat "$TURNOUT_ROOT/address")" > /dev/null 2>&1 & '
START += 'echo $! > "$TURNOUT_ROOT/pid.$TURNOUT_SLOT"'
STOP = 'kill "$(cat "$TURNOUT_ROOT/pid.$TURNOUT_SLOT")"; rm "$TURNOUT_ROOT/pid.$TURNOUT_SLOT"'
ASKED = '{python} -c \'import sys, urllib.request as r; sys.exit(sys.argv[3] not in r.urlopen("http://%s:%s/" % '
ASKED += 'tuple(sys.argv[1:3])).read().decode())\' "$(cat "$TURNOUT_ROOT/address")" "$TURNOUT_PORT" "$TURNOUT_TAG"'


@pytest.fixture
def turned(servers, project_factory, engine, tmp_path):
    """Six servers, each with an address of its own; gives the places, the project, its engine and nginx's port."""
    folder, nginx = tmp_path / "nginx", need("nginx")
    folder.mkdir()
    fleet, port = servers(6), free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    for number, place in enumerate(fleet, 11):
        place.files.mkdir(parents=True, exist_ok=True)
        (place.files / "address").write_text(f"127.0.0.{number}\n")
    told = f'echo "server $(cat "$TURNOUT_ROOT/address"):$TURNOUT_PORT;" > {folder}/port.$TURNOUT_SERVER'
    turn = f"cat {folder}/port.* > {folder}/slot.conf; signal=; [ ! -e {folder}/pid ] || signal='-s reload'; "
    turn += f"{nginx} -c {folder}/nginx.conf $signal"
    extra = hook("before-switch", START.format(python=sys.executable))
    extra += hook("after-switch", told) + hook("after-switch", turn, where="operator")
    # Requests that nginx's old workers have taken are answered before the old release is stopped.
    extra += hook("retire", f"sleep 1; {STOP}") + hook("failure", f"[ ! -e $TURNOUT_ROOT/pid.$TURNOUT_SLOT ] || {STOP}")
    extra += f"\n[[checks]]\nwhen = 'staged'\nattempts = 50\ninterval = '100ms'\nrun = '''{ASKED}'''\n".format(
        python=sys.executable
    )
    project = project_factory(
        fleet,
        files={"app.py": APPLICATION.replace('("127.0.0.1", int', "(sys.argv[2], int"), "index.html": "r1\n"},
        environment_options={"slots": {"blue": free_port(), "green": free_port()}},
        extra=extra,
    )
    yield fleet, project, engine(project), port
    for file in [folder / "pid", *(path for place in fleet for path in place.files.glob("pid.*"))]:
        if file.exists():
            os.kill(int(file.read_text()), signal.SIGTERM)


@pytest.mark.soak
def test_a_switch_of_six_servers_and_one_that_is_taken_back_lose_no_request(turned, engine):
    fleet, project, operator, port = turned
    operator.deploy(tag="r1")
    project.commit({"index.html": "r2\n"})
    with Load(port) as load:
        load.more()
        operator.deploy(tag="r2")
        load.more()
    assert set(load.said) == {"200 r1", "200 r2"}, load.said
    assert {live(place) for place in fleet} == {"r2"} and load.sequence[-50:] == ["200 r2"] * 50
    print(f"\n{load.said.total()} requests: {dict(load.said)}, none lost")
    failing = '\n[[checks]]\nrun = "test $TURNOUT_SERVER-$TURNOUT_TAG != web6-r3"\nattempts = 1\n'
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
