"""What doctor says to do about a server that cannot fetch from the store."""

from __future__ import annotations

import pytest

from core.doctor.store import remedy


@pytest.mark.parametrize(
    ("said", "host", "hint"),
    [
        ("curl: (6) Could not resolve host: s3.example.com", "s3.example.com", "DNS"),
        ("wget: unable to resolve host address 's3.example.com'\nwget ended with status 4", "s3.example.com", "DNS"),
        ("curl: (7) Failed to connect to s3.example.com port 443", "s3.example.com", "firewall"),
        ("wget2: Failed to connect (hostname='10.0.0.9', errno=111)", "s3.example.com", "firewall"),
        ("wget2: Failed to resolve 's3.example.com' (Name or service not known)", "s3.example.com", "DNS"),
        ("wget2: ERROR: The certificate is NOT trusted.\nwget2: Failed to connect: Certificate error", "s3", "CA cert"),
        ("wget2: HTTP 403 Forbidden", "s3.example.com", "clock"),
        ("wget2 broke off after 0 of 400 bytes", "s3.example.com", "firewall"),
        ("wget: failed: Connection refused.\nwget ended with status 4", "s3.example.com", "firewall"),
        ("nothing came from the store for 30 s", "s3.example.com", "firewall"),
        ("curl: (60) SSL certificate problem: unable to get local issuer", "s3.example.com", "CA certificates"),
        ("curl: (22) The requested URL returned error: 403", "s3.example.com", "clock"),
        ("curl: (7) Failed to connect to 127.0.0.1 port 9000", "127.0.0.1", "each server itself"),
        ("the pack in the store has other files than the release", "s3.example.com", ""),
    ],
)
def test_a_remedy_follows_what_curl_or_wget_said(said: str, host: str, hint: str) -> None:
    assert hint in remedy(said, host) and bool(hint) == bool(remedy(said, host))
