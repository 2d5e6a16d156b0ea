"""`receiver.providers.content`: stored content, or the provider's; the API of an id; transcriptions without content."""

import httpx
import pytest

from receiver.database import Pool
from receiver.errors import ImpossibleError, InvalidRequest
from receiver.providers import content
from receiver.providers.archive import Archive
from receiver.providers.regenerations import Before
from receiver.providers.transcribe_so import NotReady, TranscriptionStatus
from receiver.transcripts import Timestamps
from tests.providers.scripted import KEY, URL, Provider, refused

ELSEWHERE = "http://elsewhere.test"
ABOUT = {"id": 7, "status": "completed", "title": "A talk", "completed_at": "2026-04-29T14:25:27.968Z"}
SEGMENT = {"start_seconds": 0, "end_seconds": 1.5, "text": "Hello."}


def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/timestamps"):
        style = request.url.params["style"]
        return httpx.Response(200, json={"format": "youtube", "style": style, "text": f"0:00 {style}"})
    return httpx.Response(200, json=ABOUT | {"segments": [SEGMENT]})


async def store(db: Pool, api_url: str, kind: str, said: str) -> None:
    await db.execute(
        "insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer) "
        "values ('transcribe.so', $1, '7', '', $2, $3)", api_url, kind, said.encode(),
    )  # fmt: skip


async def test_the_provider_is_asked_once_for_the_transcript_and_its_title(db: Pool) -> None:
    provider = Provider(answer)
    for key in (KEY, KEY, None):
        async with provider.client(key=key) as client:
            found = await content.transcript(Archive(client, db), "7")
        assert (found.text, found.title) == ("Hello.", "A talk")
    assert [request.url.path.removeprefix("/api/v1/transcriptions/") for request in provider.asked] == ["7", "7/result"]


async def test_without_a_database_the_provider_is_asked_each_time() -> None:
    provider = Provider(answer)
    async with provider.client() as client:
        archive = Archive(client, None)
        assert (await content.transcript(archive, "7")).title == "A talk"
        assert (await content.timestamps(archive, "7", "youtube", None)).text == "0:00 balanced"
    assert len(provider.asked) == 3, "which end it is needs to be known by who keeps it"


async def test_without_a_style_the_balanced_one_is_preferred_and_any_other_better_than_a_question(db: Pool) -> None:
    provider = Provider(answer)
    async with provider.client() as client:
        archive = Archive(client, db)
        await store(db, URL, "timestamps/youtube/punchy", '{"format": "youtube", "text": "0:00 stored"}')
        assert (await content.timestamps(archive, "7", "youtube", None)).text == "0:00 stored"
        assert provider.asked == []
        assert (await content.timestamps(archive, "7", "youtube", "balanced")).text == "0:00 balanced"
        assert (await content.timestamps(archive, "7", "youtube", None)).text == "0:00 balanced"


@pytest.mark.parametrize("given", ["7", "007", " 7\n"])
async def test_an_id_is_looked_up_as_the_provider_writes_it(db: Pool, given: str) -> None:
    provider = Provider(answer)
    await store(db, URL, "timestamps/youtube/balanced", '{"format": "youtube", "text": "0:00 stored"}')
    await store(db, URL, "result", '{"id": 7, "status": "completed", "segments": [{"text": "Stored."}]}')
    async with provider.client() as client:
        archive = Archive(client, db)
        assert (await content.timestamps(archive, given, "youtube", None)).text == "0:00 stored"
        assert (await content.transcript(archive, given)).text == "Stored."
    assert provider.asked == []


async def test_an_id_that_no_transcription_can_have_is_not_looked_up(db: Pool) -> None:
    provider = Provider(answer)
    async with provider.client() as client:
        for wanted in (
            content.transcript(Archive(client, db), "x"),
            content.timestamps(Archive(client, db), "", "youtube", None),
        ):
            with pytest.raises(InvalidRequest, match="a positive integer"):
                await wanted
    assert provider.asked == []


@pytest.mark.parametrize(("style", "wanted"), [(None, "balanced"), ("punchy", "punchy")])
async def test_a_style_that_was_never_made_is_told_with_the_free_ones(style: str | None, wanted: str) -> None:
    provider = Provider(refused(409, "not_ready", reason="style_not_generated", available_styles=["educational"]))
    async with provider.client() as client:
        with pytest.raises(NotReady, match=f"the timestamps of 7 were never made in the style {wanted}") as raised:
            await content.timestamps(Archive(client, None), "7", "youtube", style)
    error = raised.value
    assert (error.style, error.available_styles, error.reason) == (wanted, ("educational",), "style_not_generated")
    assert (error.code, error.status, error.request_id) == ("not_ready", None, "req_1")


async def test_a_transcription_that_has_not_ended_is_the_providers_to_tell() -> None:
    provider = Provider(refused(409, "not_ready", reason="transcription_processing"))
    async with provider.client() as client:
        with pytest.raises(NotReady, match="No") as raised:
            await content.timestamps(Archive(client, None), "7", "youtube", None)
    assert (raised.value.reason, raised.value.style) == ("transcription_processing", None)


async def test_without_a_key_the_only_one_that_is_stored_is_meant_and_nobody_is_asked(db: Pool) -> None:
    provider = Provider(answer)
    said = '{"id": 7, "status": "completed", "segments": [{"text": "Stored."}]}'
    async with provider.client(key=None) as client:
        archive = Archive(client, db)
        for wanted in (content.transcript(archive, "7"), content.timestamps(archive, "7", "youtube", None)):
            with pytest.raises(ImpossibleError, match=f"^not stored: .* of 7; set TRANSCRIBE_API_KEY to ask {URL}$"):
                await wanted
        await store(db, ELSEWHERE, "result", said)
        assert (await content.transcript(archive, "7")).text == "Stored."
        await store(db, f"{ELSEWHERE}:1", "result", said)
        with pytest.raises(ImpossibleError, match=f"set TRANSCRIBE_API_URL to {ELSEWHERE} or {ELSEWHERE}:1$"):
            await content.transcript(archive, "7")
    async with provider.client() as client:
        assert (await content.transcript(Archive(client, db), "7")).text == "Hello.", "the key says whose"


@pytest.mark.parametrize("status", ["processing", "failed", "cancelled", "quoted"])
async def test_what_has_not_completed_has_no_timestamps_to_make_anew(db: Pool, status: str) -> None:
    async with Provider(httpx.Response(200, json={"id": 7, "status": status})).client() as client:
        with pytest.raises(ImpossibleError, match=f"7 is {status}; only a completed one has timestamps"):
            await content.regenerable(Archive(client, db), "7")


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"status": "failed"}, "transcription 7 failed; `receiver retry 7` starts it again"),
        ({"status": "failed", "error": "No."}, "transcription 7 failed: No; `receiver retry 7` starts it again"),
        ({"status": "failed", "error": 5}, "transcription 7 failed; `receiver retry 7` starts it again"),
        ({"status": "cancelled"}, "transcription 7 is cancelled, so it has no transcript"),
        ({"status": "quoted"}, "transcription 7 is quoted, so it has no transcript"),
        (
            {"status": "processing"},
            "transcription 7 is processing, so it has no transcript yet: try again when it has ended",
        ),
    ],
)
def test_what_did_not_complete_says_why_it_has_no_transcript(about: dict[str, object], said: str) -> None:
    content.require_completed(TranscriptionStatus.model_validate({"id": 7, "status": "completed"}))
    with pytest.raises(ImpossibleError) as refused:
        content.require_completed(TranscriptionStatus.model_validate({"id": 7, **about}))
    assert str(refused.value) == said


# --- titles made anew ------------------------------------------------------------------------------------------------


class No(Exception):  # noqa: N818 - it is an answer
    """A person's answer."""


async def regenerate(archive: Archive, *, confirm: content.Confirm | None, prompt: str = "") -> str:
    made = await content.regenerate(
        archive, "7", "youtube", style="punchy", prompt=prompt, by="host/1", confirm=confirm
    )
    return made.text


async def test_who_is_asked_hears_how_many_are_used_before_anything_is_charged(db: Pool) -> None:
    provider, seen = Provider(answer), list[tuple[int | None, int]]()
    async with provider.client() as client:
        for archive in (Archive(client, db), Archive(client, db), Archive(client, None)):
            said = await regenerate(archive, confirm=lambda before: seen.append((before.used, len(provider.asked))))
            assert said == "0:00 punchy"
    assert seen == [(0, 1), (1, 4), (None, 7)], "after the status, and before the request and the reading"
    assert len(provider.asked) == 9


async def test_without_a_yes_nothing_is_made_anew() -> None:
    def refuse(_: Before) -> None:
        raise No

    provider = Provider(answer)
    async with provider.client() as client:
        with pytest.raises(No):
            await regenerate(Archive(client, None), confirm=refuse)
    assert [request.method for request in provider.asked] == ["GET"]


async def test_a_prompt_that_is_too_long_is_refused_before_anything_is_asked() -> None:
    provider = Provider(answer)
    async with provider.client() as client:
        archive = Archive(client, None)
        with pytest.raises(ImpossibleError, match="at most 200 characters, this one has 201"):
            await regenerate(archive, confirm=None, prompt="x" * 201)
        assert provider.asked == []
        assert await regenerate(archive, confirm=None, prompt="x" * 200) == "0:00 punchy"


@pytest.mark.parametrize(
    ("warnings", "said"),
    [((), "nothing to paste$"), (("It is short.",), "nothing to paste; It is short.$")],
)
def test_timestamps_without_a_text_have_no_chapters(warnings: tuple[str, ...], said: str) -> None:
    content.require_chapters(Timestamps("youtube", "balanced", "0:00 Start", warnings), "7")
    with pytest.raises(ImpossibleError, match=f"^transcription 7 has no chapters, so there is {said}"):
        content.require_chapters(Timestamps("youtube", "balanced", " \n", warnings), "7")
