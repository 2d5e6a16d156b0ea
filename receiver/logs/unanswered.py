"""Why a request got no answer: in words of the operating system's or of ours, never in those of the other side.

The text of an HTTP client's error can repeat what the other side has sent. That can be the request itself, with its
tokens, or a text for whoever reads it. So only kinds of errors that are known say more than their name.
"""

import os
import re
import socket
import ssl
from collections.abc import Iterator

# The errors of HTTP clients whose text can be the other side's; by the package, and by the name of a class.
_KINDS = {
    "httpx": {"TransportError", "DecodingError"}, "h11": {"ProtocolError"},
    "httpcore": {"NetworkError", "ProtocolError", "ProxyError"},
    "requests": {"ConnectionError", "Timeout", "ChunkedEncodingError", "ContentDecodingError"},
    "urllib3": {"HTTPError"}, "http": {"HTTPException"}, "aiohttp": {"ClientError"},
}  # fmt: skip
_WORDS = {
    "LocalProtocolError": "the request is not HTTP", "RemoteProtocolError": "what it sent is not HTTP",
    "BadStatusLine": "what it sent is not HTTP", "RemoteDisconnected": "it hung up without an answer",
    "UnsupportedProtocol": "the address begins with neither http:// nor https://",
    "DecodingError": "what it sent cannot be unpacked",
}  # fmt: skip
_HUNG_UP = (
    ("Server disconnected", "it hung up without an answer"),
    ("peer closed connection", "it hung up in the middle of its answer"),
)
_STATUS = re.compile(r"([1-5][0-9]{2})\b", re.ASCII)


def why(error: BaseException) -> str:
    """Return why a request got no answer; the name of the error's type if nothing is known."""
    for cause in _causes(error):
        names = _names(cause)
        if "TransportError" in names and type(cause).__module__.partition(".")[0] == "receiver":
            return str(cause)  # such as an unusable setting's
        if isinstance(cause, TimeoutError) or "TimeoutException" in names:
            return "no answer in time"
        if isinstance(cause, ssl.SSLError | socket.gaierror):
            return cause.strerror or type(cause).__name__
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
    return _of_kind(error)


def can_repeat(error: BaseException) -> bool:
    """Whether an error's text can be what the other side of a connection has sent."""
    return any(one.__name__ in _KINDS.get(one.__module__.partition(".")[0], ()) for one in type(error).__mro__)


def _of_kind(error: BaseException) -> str:
    names, text = _names(error), str(error)
    if "ProxyError" in names and (status := _STATUS.match(text)):
        return f"the proxy answered {status[1]}"
    for beginning, words in _HUNG_UP:
        if text.startswith(beginning):
            return words
    return next((_WORDS[name] for name in names if name in _WORDS), type(error).__name__)


def _names(error: BaseException) -> list[str]:
    return [one.__name__ for one in type(error).__mro__]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and then its causes."""
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            waiting += cause.exceptions if isinstance(cause, BaseExceptionGroup) else ()
            waiting += filter(None, (cause.__cause__ or cause.__context__,))
