"""`providers.transcribe_so.source`: what is not known of a transcription, and what says nothing of it."""

import pytest

from receiver.errors import InvalidRequest
from tests.providers.scripted import Provider, refused


async def test_a_transcription_that_is_not_there_is_not_seen_and_told_by_its_id() -> None:
    async with Provider(refused(404, "not_found")).client() as api:
        assert (await api.look(["7"]), await api.about("7")) == ({}, {"id": 7})


async def test_what_is_no_id_is_not_seen_and_nothing_is_told_of_it() -> None:
    provider = Provider(refused(404, "not_found"))
    async with provider.client() as api:
        assert (await api.look(["seven"]), await api.about("seven")) == ({}, {})
    assert provider.asked == []


async def test_a_firewall_says_nothing_of_a_transcription() -> None:
    async with Provider(refused(403, "forbidden")).client() as api:
        for ask in (api.look(["7"]), api.about("7")):
            with pytest.raises(InvalidRequest):
                await ask
