"""Who gets to the dashboard in the browser: one link, once, and then the browser that opened it (pure).

Every user and every program of this machine can connect to a port of loopback, and every page that the browser shows
can make it send requests there. So a request must name our host (else a name of somebody else's that resolves to
127.0.0.1 would do), must not come from another page, and must bring the cookie that only the first use of the link
gives out. The cookie is bound to a path that nobody can guess, because browsers send cookies to every port of a host.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from hmac import compare_digest

COOKIE = "turnout"

SECRET_BYTES = 32

SAFE_SITES = ("same-origin", "none")
"""What Sec-Fetch-Site says of requests of our own page, and of links that a person opens."""


class Access:
    """The link and the session of one run.

    port    of 127.0.0.1
    room    the path below which everything is served
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.room = f"/{secrets.token_urlsafe(16)}"
        self._token = secrets.token_urlsafe(SECRET_BYTES)
        self._session = ""

    @property
    def link(self) -> str:
        """What a person opens, once."""
        return f"http://127.0.0.1:{self.port}/enter?token={self._token}"

    @property
    def hosts(self) -> tuple[str, str]:
        """What a Host header may be."""
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}"

    def fault(self, headers: Mapping[str, str], *, websocket: bool = False) -> str:
        """Why a request with these headers is refused whatever it asks for; "" where it is not.

        websocket   whether it opens one: browsers let every page do that, and name the page in Origin
        """
        host = headers.get("Host", "")
        if host not in self.hosts:
            return "it was sent to another host"
        origin = headers.get("Origin")
        if (websocket or origin is not None) and origin != f"http://{host}":
            return "it comes from another page"
        if headers.get("Sec-Fetch-Site", "none") not in SAFE_SITES:
            return "it comes from another page"
        return ""

    def enter(self, token: str) -> str:
        """Use the link: the value of the cookie, or "" where the token is wrong or was used before."""
        if not self._token or not _same(token, self._token):
            return ""
        self._token = ""
        self._session = secrets.token_urlsafe(SECRET_BYTES)
        return self._session

    def knows(self, cookie: str) -> bool:
        """Whether a cookie is that of the browser that used the link."""
        return bool(self._session) and _same(cookie, self._session)


def _same(one: str, other: str) -> bool:
    return compare_digest(one.encode("utf-8", "replace"), other.encode())
