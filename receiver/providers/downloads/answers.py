"""Read the answer to a download: what of it can be used, and what it says of the file."""

import re

import httpx

from receiver.errors import InvalidRequest, ProviderUnavailable

MALFORMED = "malformed_answer"

_DEAD = frozenset({400, 401, 403, 404, 410})
_BREAKS = frozenset({408, 425, 429})
_CONTINUING = frozenset({206, 416})
_ETAG = re.compile(r'"[!#-~]{0,200}"')
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")
_LENGTH = re.compile(r"[0-9]{1,18}")


class BreakError(Exception):
    """A request failed, but the next request can succeed."""


class WrongSumError(Exception):
    """The file arrived, but it does not have the checksum that the server named."""


class DeadLinkError(Exception):
    """The server does not accept the link."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def require_usable(answer: httpx.Response) -> None:
    """Refuse an answer that brings no bytes of the file as they are.

    Raises:
        DeadLinkError: the link is not accepted, perhaps any more.
        BreakError: the same request can succeed later.
        InvalidRequest: the server refuses. Its own words can repeat the link, so the error hides them.
        ProviderUnavailable: the answer makes no sense.
    """
    status = answer.status_code
    if status in _DEAD:
        raise DeadLinkError(status)
    if answer.is_server_error or status in _BREAKS:
        raise BreakError(f"the server answered {status}")
    can_continue = "range" in answer.request.headers
    if status != httpx.codes.OK and not (can_continue and status in _CONTINUING):
        if answer.is_client_error:
            raise InvalidRequest("the server refuses the download", code=f"http_{status}", status=status)
        raise malformed(f"the server answered {status} to a download")
    if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise malformed("the file is packed in a way that was not asked for")


def length(answer: httpx.Response) -> int | None:
    """Return the size of a body; None if it ends with a mark of its own."""
    said = answer.headers.get("content-length", "")
    if _LENGTH.fullmatch(said):
        return int(said)
    if "chunked" not in answer.headers.get("transfer-encoding", "").lower():
        raise malformed("nothing tells where the file ends, so that a cut one would look whole")
    return None


def md5_sums(answer: httpx.Response) -> set[str]:
    """Return the MD5 sums that Google's storage names, in base64. Of a file that it unpacks for us they do not hold."""
    if answer.headers.get("x-goog-stored-content-encoding", "identity") != "identity":
        return set()
    named = answer.headers.get_list("x-goog-hash", split_commas=True)
    return {one.removeprefix("md5=") for one in named if one.startswith("md5=")}


def etag(answer: httpx.Response) -> str | None:
    """Return what names this version of the file; None if nothing promises the same bytes, as a weak ETag does not."""
    found = answer.headers.get("etag", "")
    return found if _ETAG.fullmatch(found) else None


def continued(answer: httpx.Response, start: int, version: str | None) -> int | None:
    """Return the size of the file that an answer continues at `start`; None if it does not, or has another ETag."""
    found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    is_same = answer.headers.get("etag", version) == version
    return int(found[2]) if found and is_same and int(found[1]) == start else None


def malformed(message: str) -> ProviderUnavailable:
    """Return the error for an answer that makes no sense."""
    return ProviderUnavailable(message, code=MALFORMED)
