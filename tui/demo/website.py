"""What a server's visitors see: its live release over HTTP, with a health page that reports its real state."""

from __future__ import annotations

import random
import re
import threading
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer

from core import layout

VISITED = ("/", "/", "/css/style.css", "/js/cart.js", "/img/linen.png", "/linen", "/robots.txt", "/favicon.ico")
"""What visitors ask for; not all of it is there."""

_REFERENCE = re.compile(rb"""(?:src|href)="([^"#?:]+)["#?]""")


class Website(ThreadingHTTPServer):
    """Serves `<root>/current` on a loopback port that the system chooses; the link is followed again for each request.

    /healthz answers 200 and the text of REVISION; 503 where index.html refers to a file that the release
    does not have; 404 where there is no release or it has no REVISION.
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        self.root = root
        super().__init__(("127.0.0.1", 0), _Request)
        self._ended = threading.Event()
        threading.Thread(target=self.serve_forever, name=f"website {root.parent.name}", daemon=True).start()
        threading.Thread(target=self._visit, name=f"visitors {root.parent.name}", daemon=True).start()

    def _visit(self) -> None:
        """Ask for a page every few seconds, as a visitor does: so the access log is one that lives."""
        choice = random.Random(self.server_port)
        while not self._ended.wait(choice.uniform(0.5, 4)):
            path = choice.choice(VISITED)
            with suppress(OSError, HTTPException):
                visitor = HTTPConnection("127.0.0.1", self.server_port, timeout=5)
                visitor.request("GET", path)
                visitor.getresponse().read()
                visitor.close()

    def server_close(self) -> None:
        """Close the website; its visitors stop."""
        self._ended.set()
        super().server_close()

    def log(self, line: str) -> None:
        """Write a line of the access log, if there is a release whose shared folder can hold it."""
        with suppress(OSError), (self.root / layout.SHARED / "storage/access.log").open("a") as file:
            file.write(f"{line}\n")

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of the machine's name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def health(self) -> tuple[int, str]:
        """Status and text of /healthz."""
        try:
            release = (self.root / layout.CURRENT).resolve(strict=True)
            revision = (release / "REVISION").read_text("utf-8", "replace")
        except OSError:
            return 404, "no release with a REVISION is live\n"
        page = release / "index.html"
        references = _REFERENCE.findall(page.read_bytes()) if page.is_file() else []
        for reference in references:
            name = reference.decode("utf-8", "replace")
            if not (release / name.lstrip("/")).exists():
                return 503, f"index.html needs {name}, and this release does not have it\n"
        return 200, revision


class _Request(SimpleHTTPRequestHandler):
    server: Website
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        if self.path.split("?")[0] == "/healthz":
            status, text = self.server.health()
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        # The whole answer comes from one release, whatever is switched meanwhile.
        self.directory = str((self.server.root / layout.CURRENT).resolve())
        super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write a line in the form that nginx and Apache use."""
        status = code.value if isinstance(code, HTTPStatus) else code
        self.server.log(
            f'{self.client_address[0]} - - [{self.log_date_time_string()}] "{self.requestline}" {status} {size}'
        )

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: standard error belongs to the servers' own log."""
