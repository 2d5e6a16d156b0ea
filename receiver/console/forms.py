"""What a form sends, bounded in size and in time."""

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

BYTES = 64 * 1024
FIELDS = 100
SECONDS = 10.0


async def read(request: Request) -> Mapping[str, str]:
    """Return the fields of a form without files; of a repeated one the last.

    Raises:
        HTTPException: it is too large (413), is not text (400), or does not come whole in time (408).
    """
    body = b""
    try:
        async with asyncio.timeout(SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > BYTES:
                    raise HTTPException(413, f"A form of more than {BYTES // 1024} KiB is not read.")
    except TimeoutError as exc:
        raise HTTPException(408, f"The form did not come whole within {SECONDS:g} s.") from exc
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS))
    except ValueError as exc:
        raise HTTPException(400, "The form is not UTF-8, or has too many fields.") from exc
