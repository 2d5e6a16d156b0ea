"""Forward events to your own apps, and their transcripts if you want.

Each target of `RECEIVER_FORWARD_…` has a handler of its own, `forward:big-show`, so one that fails repeats nothing at
the others. An app gets each event at least once, as a POST of the JSON of `receiver.Announcement`. A repeat, also that
of a replay, has the same `webhook-id`: it is made of the event's source, API URL, account, id and transcription, and of
the target. The body is the same, byte for byte, while the transcript is kept here; fetched again, it can have changed.
The time and the signatures are new.

    the app's answer                            what becomes of the job
    2xx within 15 s                             done
    410                                         dead, and the target ends: `receiver forward --resume` begins anew
    429 or 503 with Retry-After                 again after that time, 10 s to an hour; the try does not count
    anything else, a redirect, no answer        again by the policy: 15 tries in about a day

Nothing of the answer's content is kept. An app that hangs must not take the lanes of all other handlers: until it
answers, each worker sends it one event at a time, and its other jobs wait (`Line`).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from receiver import (
    Announcement,
    Context,
    Event,
    GiveUp,
    Handler,
    InvalidRequest,
    NotReady,
    Postpone,
    Retry,
    RetryPolicy,
    Target,
    Transcript,
    handler,
    keep_to,
    query,
    signed,
    targets,
    why,
)

from ._line import Line

ANSWER_SECONDS = 15.0
REST_SECONDS = 1.0  # for the rest of an answer, so that its connection can be used again
REST_BYTES = 64 * 1024
MOST_BYTES = 8_000_000  # of a body; many servers refuse more than 10 MB
TIMEOUT_SECONDS = 120.0  # the provider can be slow with the transcript
POLICY = RetryPolicy(attempts=15, limit=timedelta(hours=4))
SOONEST, LATEST = timedelta(seconds=10), timedelta(hours=1)
TOO_MANY, UNAVAILABLE, GONE = 429, 503, 410


def made(found: Sequence[Target], *, seconds: float = ANSWER_SECONDS) -> dict[str, Handler]:
    """Return the handler of each target, by names that variables can have. `seconds`: how long an app can take."""
    return {f"forward_{target.name.replace('-', '_')}": _handler(target, seconds) for target in found}


def _handler(target: Target, seconds: float) -> Handler:
    line = Line()

    @handler(
        *target.types, name=target.handler, needs=target.variable, retry=POLICY, timeout=TIMEOUT_SECONDS
    )  # fmt: skip
    async def forward(event: Event, ctx: Context) -> None:
        await _forward(target, event, ctx, line=line, seconds=seconds)

    return forward


async def _forward(target: Target, event: Event, ctx: Context, *, line: Line, seconds: float) -> None:
    """Send an event to a target.

    Raises:
        GiveUp: the target has ended.
        Retry, Postpone: it has not taken the event.
    """
    reason = await ctx.db.fetchval(query("handlers/target_ended"), target.name)
    if reason is not None:
        raise GiveUp(_over(target, reason))
    with line.turn(target.name):
        transcript = await _transcript(event, ctx) if target.with_transcript else None
        body, headers = await asyncio.to_thread(_written, target, event, ctx, transcript)  # it can be large
        status, after = await _answer(target, ctx, body, headers, line=line, seconds=seconds)
    if status // 100 == 2:  # noqa: PLR2004 - 2xx
        ctx.log.info("forwarded to %s: answered %d", target.name, status)
        return
    if status == GONE:
        reason = "it answered 410 Gone"
        await ctx.db.execute(query("handlers/end_target"), target.name, reason)
        raise GiveUp(_over(target, reason))
    if after is not None and status in (TOO_MANY, UNAVAILABLE):
        raise Postpone(f"{target.name} answered {status}", after=after)
    raise Retry(f"{target.name} answered {status}")


def _over(target: Target, reason: str) -> str:
    again = f"`receiver forward --resume {target.name}`, then `receiver replay --dead --handler {target.handler}`"
    return f"nothing is forwarded to {target.name}, because {reason}; when its app takes events again: {again}"


async def _transcript(event: Event, ctx: Context) -> Transcript | None:
    """Return the event's transcript; None if there is none, and never will be."""
    if not event.type.endswith(".completed"):
        return None
    try:
        return await ctx.transcript()
    except NotReady as exc:
        if exc.passing:
            raise
        ctx.log.warning("forwarded without a transcript: %s", exc)
    except (GiveUp, InvalidRequest) as exc:
        ctx.log.info("forwarded without a transcript: %s", exc)
    return None


def _written(
    target: Target, event: Event, ctx: Context, transcript: Transcript | None
) -> tuple[bytes, Mapping[str, str]]:  # fmt: skip
    """Return the body and the headers for a target, signed now."""
    body = Announcement.of(event, ctx.account, transcript).encoded(most=MOST_BYTES)
    proofs = signed(body, message_id=ctx.idempotency_key, secrets=target.secrets, at=int(time.time()))
    return body, {"Content-Type": "application/json", "User-Agent": "receiver", **proofs}


async def _answer(
    target: Target, ctx: Context, body: bytes, headers: Mapping[str, str], *, line: Line, seconds: float
) -> tuple[int, timedelta | None]:
    """Send a body, and return the status of the answer and the time for which it asks to be left alone.

    Raises:
        Retry: there is no answer.
    """
    request = ctx.http.build_request("POST", target.address, content=body, headers=headers, timeout=seconds)
    try:
        if not target.is_private or request.url.scheme == "http":
            keep_to(request, "private" if target.is_private else "public")
        async with asyncio.timeout(seconds):
            answer = await ctx.http.send(request, stream=True, follow_redirects=False)
        line.hangs = False
    except (TimeoutError, httpx.TimeoutException):
        line.hangs = True
        raise Retry(f"{target.name} did not answer within {seconds:g} s") from None
    except httpx.TransportError as exc:
        raise Retry(f"{target.name} did not answer: {why(exc)}") from None  # its own text can repeat the address
    try:
        await _read_rest(answer)
        return answer.status_code, _after(answer.headers.get("Retry-After"), datetime.now(UTC))
    finally:
        await answer.aclose()


async def _read_rest(answer: httpx.Response) -> None:
    """Read the rest of an answer and forget it, unless it is long or slow."""
    size = 0
    with suppress(TimeoutError, httpx.TransportError):
        async with asyncio.timeout(REST_SECONDS):
            async for part in answer.aiter_raw():
                size += len(part)
                if size > REST_BYTES:
                    break


def _after(said: str | None, now: datetime) -> timedelta | None:
    """Return the time for which a header `Retry-After` asks, in seconds or as a date, within bounds; None for none."""
    if said is None:
        return None
    text = said.strip()
    if text.isascii() and text.isdigit():
        return min(max(timedelta(seconds=int(text[:9])), SOONEST), LATEST)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    asked = (until if until.tzinfo is not None else until.replace(tzinfo=UTC)) - now
    return min(max(asked, SOONEST), LATEST)


globals().update(made(targets()))
