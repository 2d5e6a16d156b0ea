"""`receiver.providers.seam`: every source has all that it must have, and is found by its name."""

import httpx
import pytest
from pydantic import SecretStr

from receiver import providers
from receiver.errors import Unauthenticated
from receiver.events import Event, Unreadable
from receiver.providers import SOURCES, Source, ThunderScribe
from receiver.providers.orders import Order
from receiver.providers.thunderscribe import Transcribe
from tests.providers.scripted import Provider

WHOLE = b'{"id": "evt_1", "event": "webhook.test"}'


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_is_named_as_in_its_variables(source: type[Source]) -> None:
    assert source.name == source.variables.source


def test_no_two_sources_share_a_name_or_a_variable() -> None:
    for told in ({source.name for source in SOURCES}, {source.variables.prefix for source in SOURCES}):
        assert len(told) == len(SOURCES)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff"])
def test_a_source_raises_for_no_body(source: type[Source], raw: bytes) -> None:
    content = providers.read(source.name, raw)
    assert isinstance(content, Unreadable)
    assert (content.source, content.raw) == (source.name, raw)


def test_a_delivery_is_read_by_its_source() -> None:
    assert providers.read("transcribe.so", WHOLE) == Event("transcribe.so", "evt_1", "webhook.test", raw=WHOLE)


@pytest.mark.parametrize("name", ["", "transcribe", "Transcribe.so", "timbr-video"])
def test_what_a_source_that_nobody_knows_has_sent_is_kept_and_says_so(name: str) -> None:
    content = providers.read(name, WHOLE)
    assert isinstance(content, Unreadable)
    assert (content.source, content.raw) == (name, WHOLE)
    assert content.reason == f"this version knows no source {name}"


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("status", [302, 400, 401, 404, 429, 500, 503])
def test_a_refusal_of_any_form_is_an_error_without_the_key(source: type[Source], status: int) -> None:
    for body in (b"", b"tsk_key", b'{"error": "tsk_key"}', b'{"error": {"message": "tsk_key", "code": "tsk_key"}}'):
        error = source.refusal(status, {"x-request-id": "tsk_key"}, body, "tsk_key")
        assert error.status == status
        assert "tsk_key" not in f"{error} {vars(error)}"


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("given", ["http://h.test", "http://h.test/", "{path}", "{path}/"])
async def test_a_client_shows_where_it_asks_and_not_its_key(source: type[Source], given: str) -> None:
    url = given.format(path=f"http://h.test{source.variables.api_path}")
    async with source(url, SecretStr("tsk_key")) as api:
        assert api.has_key
        assert {repr(api), repr(api.low_priority())} == {f"{source.__name__}('http://h.test')"}


async def test_a_client_without_a_key_names_the_variable_of_its_account() -> None:
    provider = Provider(httpx.Response(200))
    transport = httpx.MockTransport(provider)
    async with ThunderScribe("http://h.test", None, account="big-show", transport=transport) as api:
        with pytest.raises(Unauthenticated, match="THUNDERSCRIBE_API_KEY__BIG_SHOW is not set"):
            await api.start(Order("transcription", Transcribe.model_validate({"language": "en"}), file_id="f"))
    assert provider.asked == []
