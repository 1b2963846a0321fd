"""What obstore says of an error, in words for people (pure). Its own words hide the cause in several lines."""

from __future__ import annotations

import html
import re

from core.errors import StoreError, StoreSilent
from core.store import sending
from core.text import clean

_ANSWER = re.compile(r"non-2xx status code: ([0-9]{3}[A-Za-z -]*)")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_SERVICE = re.compile(r"\b(?:GET|PUT|HEAD|POST|DELETE) (https?://[^/\s?]+)")
_AMAZONS_OWN = re.compile(r"http://169\.254\.[0-9.]+")
"""Where a machine at Amazon asks for its access key."""
_NOT_REACHED = re.compile(
    r'message: "([^"]+)"|"dns error".*?error: "([^"]+)"|\b(Invalid[A-Za-z]+\([^()]*\))', re.DOTALL
)
_CONNECTED = re.compile(r'"tcp connect error",\s*([^\s,]+),')
_INNER = re.compile(r"^Generic [A-Za-z0-9]+ error: |\bError performing list request: ")
_EFFORT = re.compile(
    r" in [0-9.]+ ?[a-z]*[^ a-z]?s\b|, after [0-9]+ retries, max_retries: [0-9]+, retry_timeout: [0-9]+s ?"
)
_KEYS = "key-id and key of [store], or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_REFUSED = f"check {_KEYS}, and what they may do"
_PLACE = "check url, endpoint and region of [store], and that this machine can reach it"
_HINTS = {
    "RequestTimeTooSkewed": "compare the clock of this machine with the store's: they are too far apart",
    "SignatureDoesNotMatch": f"check {_KEYS}: they do not belong together",
    "InvalidAccessKeyId": "check key-id of [store], or AWS_ACCESS_KEY_ID: the store does not know it",
    "ExpiredToken": "renew AWS_SESSION_TOKEN and the keys that belong to it",
    "InvalidToken": "renew AWS_SESSION_TOKEN and the keys that belong to it",
    "NoSuchBucket": "make the bucket, or check `url` of [store]",
    "PermanentRedirect": "check `region` of [store]",
    "AuthorizationHeaderMalformed": "check `region` of [store]",
}
"""What helps, by the code of S3's answer."""


def failed(place: str, said: str, kind: str) -> StoreError:
    """The error of what obstore raised.

    place   the store's URL     said, kind   of the error, the name of its class
    """
    if "kind: Timeout" in said:
        return silent(place)
    head, _, inside = said.strip().partition("\n\nDebug source:")
    service = _SERVICE.search(head)
    where = service[1] if service else place
    if _AMAZONS_OWN.match(where):
        detail = f"{place}: {_KEYS} are not set, and Amazon gives this machine none"
        return StoreError("there is no access key for the store", detail=detail, hint="set them; ~/.aws is not read")
    refused = kind in ("UnauthenticatedError", "PermissionDeniedError")
    if answer := _ANSWER.search(head):
        code = _CODE.search(head)
        words = f"{where} answered {answer[1].strip()}{_reason(head[answer.end() :], code)}"
        refused = refused or answer[1][:3] in ("401", "403")
        hint = _HINTS.get(code[1] if code else "", _REFUSED if refused and not _is_page(head) else _PLACE)
    else:
        words = _without_effort(head)
        hint = _PLACE
        if "kind: Connect" in inside:
            words, hint = _unreached(where, inside), f"{_PLACE}; http_proxy and the like count"
        elif place.startswith("file:"):
            hint = "check url of [store], and what this user may read and write there"
    title = "the store refuses access" if refused else "the store cannot be used"
    return StoreError(title, detail=f"{place}: {clean(words, 400)}", hint=hint)


def is_of_an_object(said: str) -> bool:
    """Whether it is an object that was not found: not the bucket, and not by something else than a store."""
    return "NoSuchBucket" not in said and not _is_page(said)


def silent(place: str) -> StoreError:
    return StoreSilent(
        "the store does not answer",
        detail=f"{place}: nothing happened for {sending.SILENT:g} s",
        hint="check that the store works, and that this machine can reach it; then try again",
    )


def _reason(rest: str, code: re.Match[str] | None) -> str:
    """What comes behind the status of an answer: what S3 says, or that it is something else."""
    if code is None:
        return " with a page for a browser" if _is_page(rest) else rest.partition("\n")[0]
    message = _MESSAGE.search(rest)
    return f": {code[1]}" + (f", {html.unescape(message[1]).rstrip('.')}" if message and message[1] else "")


def _is_page(said: str) -> bool:
    """Whether something else than a store answered: a proxy, or a web server."""
    return bool(re.search(r"<html|<!doctype html", said, re.IGNORECASE))


def _unreached(where: str, inside: str) -> str:
    """Why there is no connection; with the address where that is not the service's own: a proxy."""
    found = _NOT_REACHED.search(inside)
    why = next((group for group in found.groups() if group), "") if found else ""
    why = "what answers there does not speak TLS" if "InvalidContentType" in inside else why or "no connection"
    at = _CONNECTED.search(inside)
    return f"{where} cannot be reached: {why}{f' ({at[1]})' if at and at[1] not in where else ''}"


def _without_effort(head: str) -> str:
    """The first line, without what it took."""
    return _EFFORT.sub("", _INNER.sub("", head.partition("\n")[0]))
