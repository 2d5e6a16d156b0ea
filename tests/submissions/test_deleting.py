"""`receiver.submissions.deleting`: whoever confirms has seen what is deleted, and can stop it."""

import httpx
import pytest

from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.submissions.deleting import delete
from tests.providers.scripted import Provider

ABOUT = httpx.Response(200, json={"id": 7, "status": "failed", "title": "A talk"})


async def test_it_is_shown_before_it_is_deleted() -> None:
    provider, seen = Provider(ABOUT), list[tuple[str | None, int]]()
    async with provider.client() as client:
        deleted = await delete(client, "7", confirm=lambda status: seen.append((status.title, len(provider.asked))))
    assert (deleted.id, seen) == (7, [("A talk", 1)])
    assert [request.method for request in provider.asked] == ["GET", "DELETE"]


async def test_whoever_refuses_deletes_nothing() -> None:
    def refuse(_: TranscriptionStatus) -> None:
        raise LookupError

    provider = Provider(ABOUT)
    async with provider.client() as client:
        with pytest.raises(LookupError):
            await delete(client, "7", confirm=refuse)
        assert [request.method for request in provider.asked] == ["GET"]
        await delete(client, "7", confirm=None)
    assert provider.asked[-1].method == "DELETE"
