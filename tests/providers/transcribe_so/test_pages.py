"""`providers.transcribe_so.pages`: each item of the list with its bytes; what cannot be read costs only itself."""

import json
import logging

import pytest

from receiver.errors import ProviderUnavailable
from receiver.providers.transcribe_so.pages import read_page

GOOD = ['{"id": 1, "status": "completed"}', '{"status":"failed" , "id":3}']
MALFORMED = '{"id": 2, "status": ["completed"]}'


def page(*items: str, cursor: str | None = "next") -> bytes:
    return f'{{"data": [{" , ".join(items)}], "next_cursor": {json.dumps(cursor)}}}'.encode()


@pytest.mark.parametrize("strict", [True, False])
async def test_each_item_comes_with_its_bytes_and_the_time_of_the_request(
    strict: bool,  # noqa: FBT001 - of the table
) -> None:
    found, cursor = await read_page(page(*GOOD), 5.0, strict=strict)
    assert [(one.status.id, one.status.status, one.raw, one.asked_at) for one in found] == [
        (1, "completed", GOOD[0].encode(), 5.0), (3, "failed", GOOD[1].encode(), 5.0),
    ]  # fmt: skip
    assert cursor == "next"
    assert await read_page(page(cursor=None), 5.0, strict=strict) == ([], None)


async def test_an_item_that_cannot_be_read_is_left_out_and_the_others_are_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        found, cursor = await read_page(page(GOOD[0], MALFORMED, GOOD[1]), 5.0, strict=False)
    assert ([one.status.id for one in found], cursor) == ([1, 3], "next")
    assert "items of the list are left out, 1 of 3: " in caplog.text


@pytest.mark.parametrize(("strict", "items"), [(True, [GOOD[0], MALFORMED]), (False, [MALFORMED])])
async def test_a_page_that_cannot_be_read_is_refused(
    strict: bool,  # noqa: FBT001 - of the table
    items: list[str],
) -> None:
    with pytest.raises(ProviderUnavailable):
        await read_page(page(*items), 5.0, strict=strict)


@pytest.mark.parametrize("strict", [True, False])
async def test_a_page_with_two_lists_is_refused(strict: bool) -> None:  # noqa: FBT001 - of the table
    with pytest.raises(ProviderUnavailable, match="several lists"):
        await read_page(b'{"data": [%b], "data": [], "next_cursor": null}' % GOOD[0].encode(), 5.0, strict=strict)
