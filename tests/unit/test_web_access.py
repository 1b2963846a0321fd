"""Who gets to the dashboard in the browser: decided without a browser."""

from __future__ import annotations

import pytest

from tui.web.access import Access

OURS = {"Host": "127.0.0.1:4321", "Origin": "http://127.0.0.1:4321", "Sec-Fetch-Site": "same-origin"}


def token(access: Access) -> str:
    return access.link.partition("token=")[2]


def test_the_link_works_once_and_only_its_browser_is_known() -> None:
    access = Access(4321)
    assert access.link.startswith("http://127.0.0.1:4321/enter?token=") and len(token(access)) >= 43
    spent = token(access)
    assert not access.enter("") and not access.enter(spent[:-1]) and not access.enter(f"{spent}ö")
    assert not access.knows(""), "nobody has entered yet"
    cookie = access.enter(spent)
    assert cookie and cookie != spent
    assert access.enter(spent) == "", "a second use"
    assert access.enter("") == "", "nor is a spent link an empty one"
    assert access.knows(cookie)
    assert not any(access.knows(other) for other in ("", spent, cookie[:-1], f"{cookie}x", "\udcff"))


def test_each_run_has_its_own_secrets() -> None:
    one, other = Access(1), Access(1)
    assert one.room != other.room and one.link != other.link
    assert token(one) not in one.room


@pytest.mark.parametrize(
    "changed",
    [
        {"Host": "evil.example:4321"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:80"},
        {"Host": "127.0.0.1:4321.evil.example"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://127.0.0.1:4321"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://localhost:4321"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_hosts_and_other_pages_are_refused(changed: dict[str, str]) -> None:
    access = Access(4321)
    for websocket in (False, True):
        assert access.fault(OURS, websocket=websocket) == ""
        assert access.fault({**OURS, **changed}, websocket=websocket)


def test_a_link_that_a_person_opens_has_no_origin_and_a_websocket_must_have_one() -> None:
    access = Access(4321)
    opened = {"Host": "localhost:4321", "Sec-Fetch-Site": "none"}
    assert access.fault(opened) == "" and access.fault({"Host": "localhost:4321"}) == ""
    assert access.fault(opened, websocket=True)
