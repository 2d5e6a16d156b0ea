"""`receiver.providers.timbr.client`: uploads, tasks, credit and tokens, at the simulated Timbr."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from receiver.errors import ImpossibleError, InvalidRequest, ProviderError, ProviderUnavailable, Unauthenticated
from receiver.providers import Timbr
from receiver.providers.orders import Media, Order
from receiver.providers.timbr.wishes import Separate, Transcribe, Translate
from receiver.providers.tries import NOTHING_SENT
from receiver.settings import Account
from receiver.submissions.moves import State, after
from tests.providers.scripted import Provider, shown
from tests.providers.timbr.asking import CLIENT, FILE, KEY, SECRET, START, TOKENS, WITH_CLIENT, client, simulated

EN_TO_KO = {"source_language": "en", "target_language": "ko"}


def envelope(data: object, code: str = "text", *, number: int = 1) -> httpx.Response:
    return httpx.Response(200, json={"status": number, "result_code": code, "message": "text", "data": data})


def token(text: str = "timbr_access_1") -> httpx.Response:
    return envelope({"access_token": text, "token_type": "text", "expires_in": 3600})


def order() -> Order:
    return Order("transcription", Transcribe(), file_id="file")


# --- tasks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["completed", "done", "SUCCESS"])
async def test_a_recording_becomes_subtitles_with_speakers(status: str) -> None:
    async with simulated(status=status) as found:
        seen = await found.seen(await found.start(speakers="3", denoise_audio="true"))
        (charge,) = found.sandbox.charges
        assert (seen.state, Timbr.text_in("transcription", seen.links)) == ("completed", "talk.srt")
        transcript = Timbr.transcript("transcription", await found.fetched(seen.links["talk.srt"]))
    assert charge.amount >= transcript.segments[-1].end_seconds
    assert {segment.speaker for segment in transcript.segments} == {"Speaker 1", "Speaker 2", "Speaker 3"}
    assert not any(segment.text.startswith("[") for segment in transcript.segments)


async def test_names_of_speakers_are_read() -> None:
    async with simulated() as found:
        seen = await found.seen(await found.start(speaker_name="true"))
        transcript = Timbr.transcript("transcription", await found.fetched(seen.links["talk.srt"]))
    assert {segment.speaker for segment in transcript.segments} == {"Ada", "Ben"}


async def test_subtitles_are_translated() -> None:
    async with simulated() as found:
        seen = await found.seen(await found.start("talk.srt", "translation", **EN_TO_KO))
        transcript = Timbr.transcript("translation", await found.fetched(seen.links["talk_ko.srt"]))
    assert all(segment.text.endswith("(ko)") for segment in transcript.segments)


async def test_a_recording_is_separated_into_files_without_a_text() -> None:
    async with simulated() as found:
        seen = await found.seen(await found.start(operation="separation"))
        assert [(await found.fetched(link))[:4] for link in seen.links.values()] == [b"RIFF"] * 2
    assert sorted(seen.links) == ["talk_background.wav", "talk_speech.wav"]
    assert Timbr.text_in("separation", [*seen.links, "talk.srt"]) is None


@pytest.mark.parametrize("status", ["completed", "done", "SUCCESS"])
async def test_a_task_that_fails_says_why(status: str) -> None:
    async with simulated(status=status) as found:
        seen = await found.seen(await found.start("fail.wav"))
    assert (seen.state, seen.error, seen.links) == ("failed", "The file could not be decoded", {})


@pytest.mark.parametrize("errors", ["200", "4xx"])
async def test_a_task_that_it_does_not_know_is_not_seen(errors: str) -> None:
    async with simulated(errors=errors) as found:
        assert await found.api.look(["5"]) == {}


async def test_a_link_is_shown_nowhere() -> None:
    async with simulated() as found:
        seen = await found.seen(await found.start())
    assert "assets" not in f"{seen}"


async def test_silence_and_subtitles_that_break_the_rules_are_read() -> None:
    async with simulated() as found:
        for name, is_said in (("empty.wav", False), ("bad-srt.wav", True)):
            seen = await found.seen(await found.start(name))
            (link,) = seen.links.values()
            assert bool(Timbr.transcript("transcription", await found.fetched(link)).segments) == is_said


# --- uploads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"), [("a.wav", "audio/wav"), ("a.SRT", "application/x-subrip"), ("a.mp3", "audio/mpeg")]
)
async def test_a_file_is_uploaded_with_its_type_and_until_when_it_is_there(name: str, kind: str) -> None:
    async with simulated() as found:
        uploaded = await found.upload(name)
        file = found.sandbox.timbr.files[uploaded.file_id]
    assert (file.filename, file.content_type, file.received) == (name, kind, FILE.stat().st_size)
    assert uploaded.expires_at == datetime.fromtimestamp(file.expires, UTC)


@pytest.mark.parametrize("data", [{"files": []}, {"files": [{"file_id": ""}]}, {"files": None}])
async def test_an_upload_whose_answer_names_no_file_is_none(data: object) -> None:
    async with client(httpx.MockTransport(Provider(envelope(data)))) as api:
        with pytest.raises(ProviderUnavailable):
            await api.upload(Media(Path(__file__), "a.wav", 5), {}, None, None)  # type: ignore[arg-type]  # not reached


# --- money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("errors", ["200", "4xx"])
async def test_what_it_refuses_is_no_unknown_whichever_status_it_has(errors: str) -> None:
    async with simulated(errors=errors) as found:
        with pytest.raises(InvalidRequest, match="FILE_NOT_FOUND") as raised:
            await found.api.start(Order("transcription", Transcribe(), file_id="file"))
        assert (found.asked(START), found.sandbox.charges) == (1, [])
    assert (raised.value.status, after(raised.value)) == (404, State.FAILED)


@pytest.mark.parametrize("kind", ["html", "malformed", "500", "redirect"])
@pytest.mark.parametrize("options", [{}, WITH_CLIENT])
async def test_an_order_whose_answer_is_lost_is_never_sent_again(kind: str, options: dict[str, Any]) -> None:
    async with simulated(options=options) as found:
        found.plan(START, kind)
        with pytest.raises(ProviderUnavailable) as raised:
            await found.start()
        assert found.asked(START) == 1
    assert after(raised.value) is State.UNKNOWN


@pytest.mark.parametrize("data", [{"task_id": ""}, {"task_id": None}, {"id": "5"}, ["5"], "5"])
async def test_an_answer_without_a_task_is_unknown(data: object) -> None:
    provider = Provider(envelope(data))
    async with client(httpx.MockTransport(provider)) as api:
        with pytest.raises(ProviderUnavailable) as raised:
            await api.start(order())
    assert (raised.value.code, after(raised.value), len(provider.asked)) == ("malformed_answer", State.UNKNOWN, 1)
    assert raised.value.answer == envelope(data).content


async def test_a_refusal_that_only_words_make_one_is_unknown_and_carries_them() -> None:
    answer = envelope(None, "INSUFFICIENT_CREDIT")
    async with client(httpx.MockTransport(Provider(answer))) as api:
        with pytest.raises(ProviderUnavailable, match="INSUFFICIENT_CREDIT") as raised:
            await api.start(order())
    assert (after(raised.value), raised.value.answer) == (State.UNKNOWN, answer.content)


async def test_no_error_carries_tokens() -> None:
    async with client(httpx.MockTransport(Provider(envelope({"tokens": "timbr_access_1"})))) as api:
        with pytest.raises(ProviderUnavailable) as raised:
            await api.tokens()
    assert raised.value.answer is None


async def test_a_task_is_accepted_whatever_else_the_answer_says() -> None:
    async with client(httpx.MockTransport(Provider(envelope({"task_id": 5}, "odd", number=0)))) as api:
        assert (await api.start(order())).remote_id == "5"


async def test_the_credit_is_the_balance() -> None:
    async with simulated() as found:
        assert await found.api.balance() == 1_000_000


# --- tokens ----------------------------------------------------------------------------------------------------------


async def test_a_key_alone_is_sent_as_it_is() -> None:
    async with simulated() as found:
        await found.start()
        assert found.asked(TOKENS) == 0


@pytest.mark.parametrize("expires_in", ["s", "ms"])
@pytest.mark.parametrize(("key", "first_bearer"), [(KEY, "required"), (None, "optional")])
async def test_a_client_asks_for_one_token_and_sends_it(
    key: SecretStr | None, first_bearer: str, expires_in: str
) -> None:
    async with simulated(key, options=WITH_CLIENT, first_bearer=first_bearer, expires_in=expires_in) as found:
        assert (await found.seen(await found.start())).state == "completed"
        assert found.asked(TOKENS) == 1


async def test_the_key_goes_with_the_request_for_a_token_alone() -> None:
    provider = Provider(token(), envelope({"credit": 5}))
    async with client(httpx.MockTransport(provider), **WITH_CLIENT) as api:
        await api.balance()
    assert provider.sent("Authorization") == [f"Bearer {KEY.get_secret_value()}", "Bearer timbr_access_1"]
    assert json.loads(provider.asked[0].content) == {
        "grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET.get_secret_value(),
    }  # fmt: skip


async def test_a_client_without_a_key_sends_none_for_its_token() -> None:
    provider = Provider(token(), envelope({"credit": 5}))
    async with client(httpx.MockTransport(provider), None, **WITH_CLIENT) as api:
        await api.balance()
    assert provider.sent("Authorization") == [None, "Bearer timbr_access_1"]


async def test_an_order_with_a_refused_token_goes_once_more_with_the_next_one() -> None:
    async with simulated(options=WITH_CLIENT) as found:
        await found.upload()
        found.forget_tokens()
        await found.start()  # the upload renews it
        file_id = (await found.upload()).file_id
        found.forget_tokens()
        await found.api.start(Order("transcription", Transcribe(), file_id=file_id))
        assert (found.asked(TOKENS), found.asked(START)) == (3, 3)


@pytest.mark.parametrize("refused", [
    httpx.Response(401), envelope(None, "text", number=401),
    httpx.Response(403, json={"result_code": "token_expired"}),
])  # fmt: skip
async def test_a_second_refusal_stands(refused: httpx.Response) -> None:
    provider = Provider(token("a1"), refused, token("a2"), refused)
    async with client(httpx.MockTransport(provider), **WITH_CLIENT) as api:
        with pytest.raises(Unauthenticated) as raised:
            await api.start(order())
    assert [request.url.path.removeprefix("/timbr/openapi") for request in provider.asked] == [
        TOKENS, START, TOKENS, START,
    ]  # fmt: skip
    assert provider.sent("Authorization")[1::2] == ["Bearer a1", "Bearer a2"]
    assert after(raised.value) is State.UPLOADED


@pytest.mark.parametrize("words", ["INVALID_TOKEN", "credits were used", "too many cooks", "not found: nothing wrong"])
async def test_words_in_a_successful_answer_to_an_order_are_no_certain_refusal(words: str) -> None:
    provider = Provider(token("a1"), envelope(None, words))
    async with client(httpx.MockTransport(provider), **WITH_CLIENT) as api:
        with pytest.raises(ProviderUnavailable) as raised:
            await api.start(order())
    assert (len(provider.asked), after(raised.value)) == (2, State.UNKNOWN)


@pytest.mark.parametrize("answer", [
    httpx.Response(500), httpx.Response(302), httpx.Response(200, content=b"{"), envelope({"access_token": "a\nb"}),
    httpx.Response(400, json={"message": "client_id must be a UUID"}), envelope(None, "NO_CLIENT"),
    httpx.Response(401), httpx.Response(402), httpx.Response(429), envelope(None, "INTERNAL_ERROR"),
])  # fmt: skip
@pytest.mark.parametrize("had_one", [False, True])
async def test_without_a_token_nothing_was_sent(answer: httpx.Response, *, had_one: bool) -> None:
    before = [token(), httpx.Response(401)] if had_one else []
    async with client(httpx.MockTransport(Provider(*before, answer)), retries=(), **WITH_CLIENT) as api:
        with pytest.raises(ProviderError) as raised:
            await api.start(order())
    assert after(raised.value) is State.UPLOADED


async def test_a_lost_answer_to_the_request_for_a_token_is_not_one_to_the_order() -> None:
    def lost(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("lost")

    async with client(httpx.MockTransport(lost), retries=(), **WITH_CLIENT) as api:
        with pytest.raises(ProviderUnavailable) as raised:
            await api.start(order())
    assert raised.value.code in NOTHING_SENT


@pytest.mark.parametrize("status", [200, 400, 401, 500])
async def test_no_key_secret_or_token_is_ever_shown(status: int) -> None:
    def echo(*secrets: str) -> httpx.Response:
        return httpx.Response(status, json={"result_code": "NO", "message": f"No: {', '.join(secrets)}"})

    asked_with = (KEY.get_secret_value(), SECRET.get_secret_value())
    for answers in ([echo(*asked_with)], [token("a1"), echo("a1"), token("b2"), echo("b2")]):
        async with client(httpx.MockTransport(Provider(*answers)), retries=(), **WITH_CLIENT) as api:
            with pytest.raises(ProviderError, match="No: ") as raised:
                await api.balance()
            text = shown(raised.value) + repr(api)
        assert not [secret for secret in (*asked_with, "a1", "b2") if secret in text]


async def test_an_account_without_key_and_client_hears_which_variable_is_missing() -> None:
    async with client(httpx.MockTransport(Provider(token())), None) as api:
        with pytest.raises(Unauthenticated, match="TIMBR_API_KEY is not set"):
            await api.balance()


# --- what is asked for -----------------------------------------------------------------------------------------------


async def test_every_option_is_sent_as_multipart_to_a_path_with_a_slash() -> None:
    provider = Provider(envelope({"task_id": "5"}))
    async with client(httpx.MockTransport(provider)) as api:
        await api.start(Order("translation", Translate.model_validate(EN_TO_KO), file_id="f"))
    (request,) = provider.asked
    assert request.url.path == "/timbr/openapi/v1/translation/"
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    for name, value in {"file_id": "f", **EN_TO_KO}.items():
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in request.content
    assert b"speaker_name" not in request.content


def test_what_is_required_is_always_sent() -> None:
    assert Transcribe().to_form() == [("detect_speakers", "true"), ("denoise_audio", "false")]
    assert Separate().to_form() == []


@pytest.mark.parametrize(("kind", "given"), [
    (Transcribe, {"speakers": "10"}), (Transcribe, {"speakers": "-1"}), (Transcribe, {"language": "en"}),
    (Translate, {"source_language": "en"}), (Translate, {"source_language": "fi", "target_language": "en"}),
    (Translate, {"source_language": "en", "target_language": "yue"}),
    (Translate, {"source_language": "en", "target_language": "en"}),
])  # fmt: skip
def test_an_option_out_of_its_range_is_refused_here(kind: type[Transcribe | Translate], given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(given)


@pytest.mark.parametrize(("operation", "name", "is_right"), [
    ("translation", "a.SRT", True), ("translation", "a.wav", False), ("transcription", "a.srt", False),
    ("transcription", "a.wav", True), ("separation", "a.srt", False),
])  # fmt: skip
def test_subtitles_are_translated_and_recordings_are_not(operation: str, name: str, *, is_right: bool) -> None:
    file = Media(Path(name), name, 1)
    if is_right:
        Timbr.check(operation, file, None)
    else:
        with pytest.raises(ImpossibleError, match=name):
            Timbr.check(operation, file, None)


async def test_the_client_of_an_account_has_its_client_and_its_tokens() -> None:
    given = Account("timbr", "b", "https://t.test", client_id=CLIENT, client_secret=SECRET)
    alone = Account("timbr", "b", "https://t.test", key=KEY)
    for account, has_client in ((given, True), (alone, False)):
        async with client_of(account) as api:
            assert (api.has_client, api.has_key, api.api_url) == (has_client, True, "https://t.test")


def client_of(account: Account) -> Timbr:
    return Timbr.of(account, retries=(), budget=None, tokens=None)  # type: ignore[arg-type]  # its own
