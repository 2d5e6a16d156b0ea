"""Read a page of the provider's list: each transcription with its bytes."""

import logging
from typing import NamedTuple

from receiver.errors import ProviderUnavailable
from receiver.providers.transcribe_so.answers import Cursor, Page, TranscriptionStatus
from receiver.providers.transcribe_so.reading import in_turns, pieces, read

log = logging.getLogger(__name__)

ITEMS = {"data": TranscriptionStatus}


class Listed(NamedTuple):
    """A transcription of the provider's list: what it says, its bytes, and when it was asked for (monotonic time)."""

    status: TranscriptionStatus
    raw: bytes
    asked_at: float


async def read_page(answer: bytes, asked_at: float, *, strict: bool) -> tuple[list[Listed], str | None]:
    """Return the transcriptions of a page of the list, and the cursor of the next page if there is one.

    Unless it is `strict`, an item that does not follow the specification is left out, if others do.

    Raises:
        ProviderUnavailable: the answer does not follow the specification (code `malformed_answer`).
    """
    raws = [answer[it.start : it.end].strip() async for it in in_turns(pieces(answer, ITEMS)) if it.is_item]
    try:
        page = await read(Page, answer)
    except ProviderUnavailable as exc:
        if strict:
            raise
        found = [Listed(item, raw, asked_at) for raw in raws if (item := await _read_item(raw)) is not None]
        if not found:
            raise
        log.warning("items of the list are left out, %d of %d: %s", len(raws) - len(found), len(raws), exc)
        return found, (await read(Cursor, answer)).next_cursor
    if len(page.data) != len(raws):
        raise ProviderUnavailable("the answer has several lists", code="malformed_answer")
    return [Listed(*both, asked_at) for both in zip(page.data, raws, strict=True)], page.next_cursor


async def _read_item(raw: bytes) -> TranscriptionStatus | None:
    try:
        return await read(TranscriptionStatus, raw)
    except ProviderUnavailable:
        return None
