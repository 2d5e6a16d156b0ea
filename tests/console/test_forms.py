"""A form is read whole or not at all."""

import httpx
import pytest

from receiver.console.access import PATH
from receiver.console.forms import BYTES
from tests.console.asked import TOKEN, Asked


async def posted(asked: Asked, body: bytes) -> httpx.Response:
    return await asked.nobody().post(PATH, content=body)


async def test_a_form_that_is_too_large_is_refused(asked: Asked) -> None:
    fits = f"token={TOKEN}&next=".encode()
    assert (await posted(asked, fits + b"x" * (BYTES - len(fits)))).status_code == 303
    answer = await posted(asked, fits + b"x" * (BYTES - len(fits) + 1))
    assert answer.status_code == 413
    assert "64 KiB" in answer.text


@pytest.mark.parametrize("body", [b"token=%ff", b"token=\xff", b"&".join(b"a=1" for _ in range(101))])
async def test_a_form_that_cannot_be_read_is_refused(asked: Asked, body: bytes) -> None:
    assert (await posted(asked, body)).status_code == 400


async def test_the_last_of_several_counts(asked: Asked) -> None:
    assert (await posted(asked, f"token=x&token={TOKEN}".encode())).status_code == 303
