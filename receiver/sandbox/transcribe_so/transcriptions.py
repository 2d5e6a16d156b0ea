"""The endpoints of transcriptions and quotes. The endpoints for their content are in `artifacts`."""

import time
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from starlette.responses import JSONResponse, Response

from receiver.sandbox.knobs import Digits
from receiver.sandbox.transcribe_so import artifacts, submission
from receiver.sandbox.transcribe_so.envelope import invalid
from receiver.sandbox.transcribe_so.state import Call
from receiver.sandbox.transcribe_so.submission import SOURCES, SubmissionBody
from receiver.sandbox.transcribe_so.transcription import UNDER_WAY, SimulatedTranscription, stamp

PAGE = 50
LARGEST_PAGE = 200
LONGEST_WAIT_SECONDS = 45
WAIT_SECONDS = 30


async def submit(call: Call) -> Response:
    """Answer `POST /transcriptions`."""
    wanted = submission.read(call.provider, call.account, call.body)
    item = wanted.to_transcription(call.provider)
    call.account.charge(item.price, wanted.max_charge_usd)
    call.provider.bill(call.account, item, "transcription", item.price.usd)
    call.account.transcriptions[item.id] = item
    call.provider.start(call.account, item)
    return JSONResponse(_accepted(item, wanted), 202)


async def quote(call: Call) -> Response:
    """Answer `POST /quotes` with a price, and keep a row that never starts."""
    wanted = submission.read(call.provider, call.account, call.body)
    item = wanted.to_transcription(call.provider)
    item.status = "quoted"
    call.account.transcriptions[item.id] = item
    return JSONResponse({
        "transcription_id": item.id,
        "status": item.status,
        "pipeline_code": item.pipeline_code,
        "source": item.source,
        "duration_seconds": item.duration_seconds,
        "billed_minutes": item.price.minutes,
        "retail_usd": item.price.usd,
    })  # fmt: skip


async def list_page(call: Call) -> Response:
    """Answer `GET /transcriptions`: newest first.

    The cursor is the creation time of the page's last item, and the next page begins before that time. So if several
    items of the same time are at the edge of a page, the rest of them is on neither page. A client must overlap pages.
    """
    query = call.request.query_params
    limit = _whole(query.get("limit", str(PAGE)), "limit", 1, LARGEST_PAGE)
    only = query.get("api_only", "false")
    if only not in ("true", "false"):
        raise invalid("api_only must be true or false.")
    before = _cursor(query.get("cursor"))
    newest = sorted(call.account.transcriptions.values(), key=lambda item: (item.created_at, item.id), reverse=True)
    digits = call.provider.knobs.list_digits
    wanted = (i for i in newest if (i.by_api or only == "false") and (before is None or _moment(i, digits) < before))
    found = list(islice(wanted, limit + 1))
    page = found[:limit]
    cursor = stamp(page[-1].created_at, digits) if len(found) > limit else None
    return JSONResponse({"data": [_shown(call, item) for item in page], "next_cursor": cursor})


async def get(call: Call) -> Response:
    """Answer `GET /transcriptions/:id`."""
    return JSONResponse(_shown(call, call.item))


async def wait(call: Call) -> Response:
    """Answer `GET /transcriptions/:id/wait` when the transcription has ended, or after `timeout`."""
    query = call.request.query_params
    window = _whole(query.get("timeout", str(WAIT_SECONDS)), "timeout", 0, LONGEST_WAIT_SECONDS)
    include = artifacts.included(query["include"]) if "include" in query else ()
    until = time.monotonic() + window / call.provider.ground.speed
    while call.item.status in UNDER_WAY and (left := until - time.monotonic()) > 0:
        await call.provider.pause_until_a_change(left)
        if call.provider.ground.stopping.is_set():
            break
    item = call.item
    shown = _shown(call, item)
    if item.status in UNDER_WAY:
        return JSONResponse(shown | {"_timed_out": True})
    return JSONResponse(shown | (artifacts.sections(item, include) if item.status == "completed" else {}))


async def retry(call: Call) -> Response:
    """Answer `POST /transcriptions/:id/retry`: start a failed transcription again, and charge for it again."""
    item = call.item
    if item.status != "failed":
        raise invalid(f"Only a failed transcription can be retried; {item.id} is {item.status}.")
    call.account.charge(item.price, submission.limit(call.body))
    call.provider.bill(call.account, item, "retry", item.price.usd)
    call.provider.start(call.account, item)
    return JSONResponse(_acknowledged(item), 202)


async def delete(call: Call) -> Response:
    """Answer `DELETE /transcriptions/:id`. A running transcription stops, without an event."""
    item = call.item
    del call.account.transcriptions[item.id]
    call.provider.announce_change()
    return JSONResponse({"id": item.id, "deleted": True})


def _accepted(item: SimulatedTranscription, wanted: SubmissionBody) -> dict[str, Any]:
    shown = _acknowledged(item) | {SOURCES[item.source]: wanted.place}
    if item.callback is not None:
        shown["callback"] = {"url": item.callback.url, "secret": item.callback.secret}
    return shown


def _acknowledged(item: SimulatedTranscription) -> dict[str, Any]:
    return {
        "id": item.id,
        "status": item.status,
        "stage": "queued",
        "pipeline_code": item.pipeline_code,
        "language": item.language,
        "source": item.source,
        "duration_seconds": item.duration_seconds,
        "billed_minutes": item.price.minutes,
        "retail_usd": item.price.usd,
    }


def _shown(call: Call, item: SimulatedTranscription) -> dict[str, Any]:
    return item.to_json(time.monotonic(), speed=call.provider.ground.speed, knobs=call.provider.knobs)


def _moment(item: SimulatedTranscription, digits: Digits) -> datetime:
    """Return a transcription's creation time in a cursor's precision."""
    return datetime.fromisoformat(stamp(item.created_at, digits))


def _cursor(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a bare + in a query arrives as a space
    except ValueError as exc:
        raise invalid("cursor must be the ISO time of the last item of the page before.") from exc
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _whole(text: str, name: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):  # noqa: PLR2004
        raise invalid(f"{name} must be a whole number from {least} to {most}.")
    return int(text)
