"""What a person reads where a store cannot be used: what answered, and what helps; of real answers, through obstore."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from core.config import parse
from core.errors import StoreError
from core.settings import Settings
from core.store.objects import objects_of
from core.store.said import failed

pytest.importorskip("obstore")

HEAD = 'project = "shop"\nsource.git = "."\nenvironments.p.servers = [{ name = "w", host = "w", root = "/srv/shop" }]\n'
ACCESS, USE = "refuses access", "cannot be used"
PAGE = "<!DOCTYPE html>\n<html><body>Sign in</body></html>"


def xml(code: str, message: str) -> str:
    """An answer of S3."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'


@contextmanager
def service(status: int, body: str) -> Iterator[str]:
    """The address of a service that answers everything so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def error_of(endpoint: str, **environ: str) -> StoreError:
    """What is said where an object is read through that endpoint."""
    text = f'{HEAD}[store]\nurl = "s3://releases"\nendpoint = "{endpoint}"\nkey-id = "ID"\nkey = "very-secret-key"\n'
    with pytest.raises(StoreError) as caught:
        objects_of(parse(text, Path("turnout.toml"), Settings(environ=environ))).read("x", 1000)
    assert "\n" not in caught.value.detail
    assert not re.search("secret-key|retries|[0-9]ms|xml", caught.value.said), caught.value.said
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "title", "said", "hint"),
    [
        (403, xml("RequestTimeTooSkewed", "server&#39;s time"), ACCESS, "RequestTimeTooSkewed, server's time", "clock"),
        (403, xml("AccessDenied", "Access Denied."), ACCESS, "403 Forbidden: AccessDenied, Access Denied", "may do"),
        (403, PAGE, ACCESS, "403 Forbidden with a page for a browser", "check url"),
        (401, "", ACCESS, "answered 401 Unauthorized", "check key-id"),
        (404, xml("NoSuchBucket", "none"), USE, "404 Not Found: NoSuchBucket, none", "make the bucket"),
        (404, PAGE, USE, "404 Not Found with a page for a browser", "check url"),
        (400, xml("AuthorizationHeaderMalformed", ""), USE, "AuthorizationHeaderMalformed", "`region`"),
        (400, "{}", USE, "answered 400 Bad Request", "check url"),
    ],
)
def test_an_answer_is_told_in_one_line_with_what_helps(status, body, title, said, hint):
    with service(status, body) as endpoint:
        error = error_of(endpoint)
        assert title in error.title and said in error.detail and hint in error.hint, error.said
        assert f"{endpoint} answered {status}" in error.detail, error.detail


def test_an_object_that_is_not_there_is_no_error():
    with service(404, xml("NoSuchKey", "no such key")) as endpoint:
        text = f'{HEAD}[store]\nurl = "s3://releases"\nendpoint = "{endpoint}"\nkey-id = "ID"\nkey = "secret"\n'
        assert objects_of(parse(text, Path("turnout.toml"), Settings(environ={}))).read("x", 1000) is None


def test_why_there_is_no_connection_is_told():
    with service(200, "") as endpoint:
        said = error_of(endpoint.replace("http:", "https:")).detail
        assert "cannot be reached: what answers there does not speak TLS" in said
    assert f"{endpoint} cannot be reached: Connection refused" in error_of(endpoint).detail
    assert "cannot be reached: failed to lookup address" in error_of("https://no-such-host.invalid").detail


def test_a_proxy_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://ana:hidden@127.0.0.1:1")
    error = error_of("http://localhost:2")
    assert "http://localhost:2 cannot be reached: Connection refused (127.0.0.1:1)" in error.detail
    assert "http_proxy" in error.hint and "hidden" not in error.said


def test_a_machine_without_a_key_is_told_so():
    said = "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 2.2ms - HTTP error: x"
    error = failed("s3://releases", said, "GenericError")
    assert error.title == "there is no access key for the store" and "169" not in error.said


def test_what_is_no_answer_becomes_one_line():
    said = (
        "Generic S3 error: refused in 2.27ms, after 2 retries, max_retries: 2, retry_timeout: 20s\n\nDebug source:\nX"
    )
    assert failed("s3://releases", said, "GenericError").detail == "s3://releases: refused"
    assert "what this user may" in failed("file:///srv/x", "Permission denied (os error 13)", "GenericError").hint
