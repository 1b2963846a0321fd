"""Counting in access logs, by the shell and the awk programs that servers have."""

from __future__ import annotations

import calendar
import json
import os
import subprocess
import time

import pytest

from core.checks.log import Counted, _command, _counted
from core.config import Check
from tests.servers import need

CHECK = {"log": "access.log", "over": "1%", "bake": "1m"}


def combined(at, status, zone="+0000", offset=0):
    day = time.strftime("%d/%b/%Y:%H:%M:%S", time.gmtime(at + offset))
    return f'10.0.0.1 - - [{day} {zone}] "GET /a" x"b HTTP/1.1" {status} 512 "-" "curl \\" 500 1 "'


FORMS = {
    "nginx": combined,
    "apache, elsewhere": lambda at, status: combined(at, status, "-0330", -(3 * 60 + 30) * 60),
    "json, ISO": lambda at, status: json.dumps(
        {"time": time.strftime("%Y-%m-%dT%H:%M:%S.123+02:00", time.gmtime(at + 7200)), "status": status}
    ),
    "json, UTC": lambda at, status: json.dumps(
        {"time_iso8601": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)), "status": str(status)}
    ),
    "json, epoch": lambda at, status: json.dumps({"level": "info", "ts": at + 0.25, "status": status}),
    "local": lambda at, status: (
        f'{time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))} 10.0.0.1 "GET / HTTP/1.1" {status} 12'
    ),
}
PROGRAMS = ("sh", "awk", "date", "find", "tail", "echo")


def folder_of_busybox(folder):
    """A folder with BusyBox's applets alone."""
    programs = folder / "programs"
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).symlink_to(need("busybox"))
    return str(programs)


def counted(folder, check=CHECK, window=60, path=None):
    command = _command(Check(**check), window)
    environ = {"PATH": path or os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=environ, capture_output=True, text=True, check=False)
    found = [each for line in done.stdout.splitlines() if (each := _counted(line))]
    return found[-1] if found else done.stdout + done.stderr


@pytest.mark.parametrize("busybox", [False, True], ids=["coreutils", "busybox"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_answers_are_counted_before_and_since_in_every_form(tmp_path, form, busybox):
    now = time.time()
    lines = [form(now - 300, 500)]
    lines += [form(now - 61, 500)] * 3  # when it was switched
    lines += [form(now - 100, 200)] * 4 + [form(now - 90, 502)]
    lines += [form(now - 30, 200)] * 5 + [form(now - 20, 500)] * 2 + [form(now - 10, 404)]
    lines += ["a line of something else", ""]
    (tmp_path / "access.log").write_text("\n".join(lines) + "\n")
    assert counted(tmp_path, path=folder_of_busybox(tmp_path) if busybox else None) == Counted(8, 2, 5, 1, 17, 2)


def test_a_log_that_was_rotated_since_the_switch_counts_as_one(tmp_path):
    now = time.time()
    (tmp_path / "access.log.1").write_text(f"{combined(now - 100, 200)}\n{combined(now - 30, 500)}\n")
    (tmp_path / "access.log").write_text(f"{combined(now - 5, 200)}\n")
    assert counted(tmp_path) == Counted(2, 1, 1, 0, 3, 0)
    os.utime(tmp_path / "access.log.1", (now - 3600, now - 3600))
    assert counted(tmp_path) == Counted(1, 0, 0, 0, 1, 0)


def test_days_and_months_are_counted_as_the_calendar_has_them(tmp_path):
    """The first of March and the last of February, also of a leap year, and a new year."""
    for day in ("2024-02-29", "2025-02-28", "2025-03-01", "2026-01-01", "2026-12-31"):
        at = time.strptime(f"{day} UTC", "%Y-%m-%d %Z")
        line = f'h - - [{time.strftime("%d/%b/%Y", at)}:00:00:00 +0000] "GET / HTTP/1.1" 500 1\n'
        (tmp_path / "access.log").write_text(line)
        ago = int(time.time()) - calendar.timegm(at)
        inside, outside = counted(tmp_path, window=abs(ago) + 60), counted(tmp_path, window=max(abs(ago) // 2 - 60, 1))
        if ago > 0:
            assert inside == Counted(1, 1, 0, 0, 1, 0), day
            assert outside == Counted(0, 0, 0, 0, 1, 0), day
        else:
            assert inside == outside == Counted(0, 0, 0, 0, 1, 0), day


def test_other_statuses_can_be_counted(tmp_path):
    now = time.time()
    (tmp_path / "access.log").write_text("".join(f"{combined(now - 5, status)}\n" for status in (200, 404, 429, 503)))
    assert counted(tmp_path, {**CHECK, "status": [404, "5xx"]}) == Counted(4, 2, 0, 0, 4, 0)


@pytest.mark.parametrize(("name", "said"), [("missing.log", "there is no such file"), (".", "there is no such file")])
def test_a_log_that_is_not_there_is_said(tmp_path, name, said):
    assert said in counted(tmp_path, {**CHECK, "log": str(tmp_path / name)})
