"""Read Timbr's envelope, `{status, result_code, message, data}`: what was asked for, or what a refusal means. Pure.

The documents do not say what `status` and `result_code` mean: in their examples every number is 1 and every text is
`text`. Nor do they say whether a refusal has an HTTP status of its own. So this is assumed:

the answer                                        means
───────────────────────────────────────────────── ──────────────────────────────────────────────────────────────────────
`data` has what was asked for                     success, whatever else it says
HTTP 4xx                                          a refusal
HTTP 200 without `data`, with a code or message   a refusal: nothing was done
  … that speaks of the server's own trouble       as HTTP 5xx: nobody knows what was done
  … that speaks of success                        malformed: nobody knows what was done
HTTP 200 with a `status` of 4xx                   a refusal, whatever `data` has
anything else                                     malformed

What a refusal means, its numbers tell, and else its words.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from receiver.errors import ProviderError, ProviderUnavailable
from receiver.providers import lax, refusals

Model = TypeVar("Model", bound=BaseModel)

GUESSED = "said_"  # the code of a refusal that only words in a successful answer make one
INVALID, TROUBLE, UNAVAILABLE = 400, 500, 503
SHARED = frozenset({400, 403})  # statuses that a server can use for every refusal
MEANINGS = refusals.meanings({
    429: "rate.?limit|too.many|throttl",
    402: "insufficient|not.enough|credit|payment|quota|balance",
    401: "unauth|not.authenticated|(invalid|expired|revoked).(access.)?(token|client|api.?key)|token.*expired",
    404: "not.?found|no.such|not.?exist|expired",
})  # fmt: skip

_NUMBER = re.compile(r"(?<![0-9])[45][0-9]{2}(?![0-9])")
_SUCCESS = re.compile(r"0+|1|2[0-9]{2}|ok|success(ful(ly)?)?|succeeded|created|accepted|done|completed", re.IGNORECASE)
_TROUBLE = re.compile(r"internal|server.error|unavailable|time.?out|timed.out", re.IGNORECASE)


def read(kind: type[Model], raw: bytes, *secrets: str) -> Model:
    """Return what an answer with a 2xx status has under `data`. Its words are shown without the secrets.

    Raises:
        ProviderError: it is a refusal, with a status of its own; or nobody knows (code `malformed_answer`).
    """
    envelope = lax.json_object(raw)
    try:
        return kind.model_validate(envelope.get("data"))
    except ValidationError:
        pass
    status = _refused_with(envelope)
    if status is None:
        raise ProviderUnavailable("the answer has not what was asked for", code="malformed_answer")
    refused = refusals.error(status, {}, _said(envelope), *secrets)
    if _number(envelope) is None:
        refused.code = f"{GUESSED}{status}"
    raise refused


def refusal(status: int, headers: Mapping[str, str], body: bytes, key: str = "", *secrets: str) -> ProviderError:
    """Return the error for an unsuccessful answer; see `Source.refusal`."""
    envelope = lax.json_object(body)
    told = _told(envelope) if status in SHARED else None
    meant = None if told is None or told >= TROUBLE else told
    return refusals.error(status, headers, _said(envelope), key, *secrets, meant=meant)


def _refused_with(envelope: Mapping[str, Any]) -> int | None:
    """Return the status of a refusal that came with HTTP 200; None if it might be none."""
    told = _told(envelope)
    if isinstance(number := envelope.get("status"), int) and INVALID <= number < TROUBLE:
        return told
    said = _said(envelope)
    if envelope.get("data") or not said or _SUCCESS.fullmatch(said[0]):
        return None
    return INVALID if told is None else told


def _told(envelope: Mapping[str, Any]) -> int | None:
    """Return the HTTP status that an envelope means; None if nothing tells."""
    number = _number(envelope)
    if number is not None:
        return number
    said = _said(envelope)
    if any(map(_TROUBLE.search, said)):  # also if money comes up in it
        return UNAVAILABLE
    return refusals.meaning(said, MEANINGS)


def _number(envelope: Mapping[str, Any]) -> int | None:
    """Return the HTTP status that stands in an envelope."""
    for number in (envelope.get("status"), envelope.get("result_code")):
        if isinstance(number, str | int) and (found := _NUMBER.search(str(number))):
            return int(found[0])
    return None


def _said(envelope: Mapping[str, Any]) -> list[str]:
    """Return the result code and the message, if they are there."""
    both = (envelope.get("result_code"), envelope.get("message"))
    return [str(text) for text in both if isinstance(text, str | int) and str(text).strip()]
