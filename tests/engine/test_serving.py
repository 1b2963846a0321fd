"""What visitors see: nginx serves `current` under load while a hundred switches go by."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import threading
import time
from functools import partial

import pytest

from tests.crowd import Crowd
from tests.engine.driving import at_rest, live
from tests.servers import free_port, need
from tests.waiting import PATIENCE, until

SWITCHES = 100
READERS = 4


@pytest.fixture
def nginx(tmp_path):
    """Serve a folder with nginx on a port of its own, with no memory of what was opened before."""
    started = []

    def serve(root):
        program = need("nginx")
        os.chmod(tmp_path, 0o755)
        port = free_port()
        config = tmp_path / "nginx.conf"
        config.write_text(f"""
            daemon off;
            pid {tmp_path}/nginx.pid;
            error_log {tmp_path}/nginx.error;
            {"user root;" if os.getuid() == 0 else ""}
            worker_processes 1;
            events {{ worker_connections 256; }}
            http {{
                access_log off;
                open_file_cache off;
                keepalive_requests 100000;
                client_body_temp_path {tmp_path}/body;
                proxy_temp_path {tmp_path}/proxy;
                fastcgi_temp_path {tmp_path}/fastcgi;
                uwsgi_temp_path {tmp_path}/uwsgi;
                scgi_temp_path {tmp_path}/scgi;
                server {{ listen 127.0.0.1:{port}; root {root}; }}
            }}
        """)
        log = (tmp_path / "nginx.log").open("w")
        process = subprocess.Popen([program, "-c", str(config), "-e", str(tmp_path / "nginx.error")], stderr=log)
        started.append((process, log))

        def answers():
            assert process.poll() is None, (tmp_path / "nginx.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            except ConnectionError:
                return False
            return True

        until(answers, "nginx answers")
        return port

    yield serve
    for process, log in started:
        process.terminate()
        process.wait(PATIENCE)
        log.close()


def page(word):
    """A page that says its release at its beginning, in its middle and at its end."""
    return f"release={word}\n" + ("x" * 99 + "\n") * 700 + f"release={word}\n" + "y" * 70_000 + f"\nrelease={word}\n"


class Visitors(Crowd):
    """Threads that ask for pages all the time; what they got that they should not have."""

    def __init__(self, port, current):
        super().__init__(*(partial(self.guard, work) for work in [*[self.ask] * READERS, self.read_two]))
        self.port = port
        self.current = current
        self.answers = 0
        self.seen = set()
        self.faults = []

    def guard(self, work):
        try:
            work()
        except Exception as error:
            self.faults.append(repr(error))

    def ask(self):
        """Pages over a connection that stays open; each holds the words of one release."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        while not self.stop.is_set():
            client.request("GET", "/index.html")
            answer = client.getresponse()
            body = answer.read().decode()
            words = re.findall(r"release=(\w+)", body)
            if answer.status != 200 or len(words) != 3 or len(set(words)) != 1:
                self.faults.append(f"{answer.status}: {words}")
            self.seen.update(words)
            self.answers += 1
        client.close()

    def read_two(self):
        """As an application does that finds out where it is once: two files of one folder are of one release."""
        while not self.stop.is_set():
            folder = os.open(self.current, os.O_RDONLY | os.O_DIRECTORY)
            try:
                words = [self.word(folder, name) for name in ("a.txt", "deep/b.txt")]
            finally:
                os.close(folder)
            if len(set(words)) != 1:
                self.faults.append(f"two files: {words}")
            time.sleep(0.001)

    def word(self, folder, name):
        with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=folder)) as file:
            return file.read()


@pytest.mark.slow
def test_no_request_fails_and_no_answer_mixes_two_releases_while_a_hundred_switches_go_by(
    sshd, project_factory, engine, nginx
):
    project = project_factory([sshd], {"index.html": page("one"), "a.txt": "one", "deep/b.txt": "one"})
    operator = engine(project)
    operator.deploy(tag="one")
    project.commit({"index.html": page("two"), "a.txt": "two", "deep/b.txt": "two"})
    operator.deploy(tag="two")
    port = nginx(sshd.files / "current")
    with Visitors(port, sshd.files / "current") as visitors:
        until(lambda: visitors.answers > 20, "the visitors are at work")
        for number in range(SWITCHES):
            operator.rollback(("one", "two")[number % 2])
        until(lambda: "two" in visitors.seen, "the last release is seen")
    assert visitors.faults == []
    assert visitors.seen == {"one", "two"} and visitors.answers > SWITCHES
    assert live(sshd) == "two"
    at_rest([sshd])


def test_visitors_see_nothing_of_a_deploy_but_its_switch(sshd, project_factory, engine, nginx):
    files = {"a.txt": "one", "deep/b.txt": "one"} | {f"f{number}": "x" for number in range(300)}
    project = project_factory([sshd], {"index.html": page("one"), **files})
    operator = engine(project)
    operator.deploy(tag="r0")
    port = nginx(sshd.files / "current")
    with Visitors(port, sshd.files / "current") as visitors:
        for number in range(1, 6):
            word = f"w{number}"
            project.commit({"index.html": page(word), "a.txt": word, "deep/b.txt": word})
            operator.deploy(tag=f"r{number}")
        until(lambda: "w5" in visitors.seen, "the last release is seen")
    assert visitors.faults == []
    at_rest([sshd])


def test_current_never_dangles_while_switching(sshd, project_factory, engine):
    """Asked of the file system itself, without a web server between."""
    project = project_factory([sshd], {"index.html": "1"})
    operator = engine(project)
    operator.deploy(tag="one")
    project.commit({"index.html": "2"})
    operator.deploy(tag="two")
    faults, stop, looks = [], threading.Event(), []

    def look():
        path = sshd.files / "current"
        while not stop.is_set():
            try:
                if os.readlink(path) not in ("releases/one", "releases/two") or not os.path.isfile(path / "index.html"):
                    faults.append(os.readlink(path))
            except OSError as error:
                faults.append(repr(error))
            looks.append(1)

    thread = threading.Thread(target=look)
    thread.start()
    for number in range(20):
        operator.rollback(("one", "two")[number % 2])
    stop.set()
    thread.join()
    assert faults == [] and len(looks) > 100
