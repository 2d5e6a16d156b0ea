"""The real `openai` SDK against the simulated ThunderScribe, which promises to fit it."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.audio import TranscriptionVerbose

from receiver.sandbox import Knobs, ThunderScribeKnobs
from tests.commands import Simulated
from tests.processes import until
from tests.sandbox.thunderscribe.asking import AT_ONCE, SOUND

FILE = ("talk.mp3", SOUND)
TRANSCRIPTIONS = "/audio/transcriptions"


@pytest.fixture(scope="module")
def served() -> Iterator[Simulated]:
    with Simulated(speed=AT_ONCE).running() as simulated:
        yield simulated


@pytest.fixture
def sandbox(served: Simulated) -> Simulated:
    return served.begin_anew()


def client(sandbox: Simulated, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{sandbox.url}/thunderscribe/api/v3", api_key=sandbox.key, **options)


def transcribe(sdk: openai.OpenAI, **more: Any) -> Any:
    asked = {"file": FILE, "model": "thunderscribe", "language": "en"} | more
    return sdk.audio.transcriptions.create(**asked)


def billed(sandbox: Simulated) -> int:
    return len(sandbox.http.get("/sandbox/charges").json())


@pytest.mark.parametrize("form", [openai.omit, "text", "srt", "vtt"])
def test_text_and_subtitles_arrive_as_text(sandbox: Simulated, form: Any) -> None:
    said = transcribe(client(sandbox), response_format=form)
    begins = {"srt": "1\n00:00:00,000 --> ", "vtt": "WEBVTT\n\n00:00:00.000 --> "}.get(form, "")
    assert isinstance(said, str)
    assert said.startswith(begins)
    assert len(said) > 1000


def test_the_documented_json_for_text_arrives_as_the_text_of_json() -> None:
    with Simulated(speed=AT_ONCE, knobs=Knobs(thunderscribe=ThunderScribeKnobs(text="json"))).running() as sandbox:
        said = transcribe(client(sandbox), response_format="text")
    assert json.loads(said).keys() == {"text"}


def test_json_arrives_with_its_text(sandbox: Simulated) -> None:
    assert transcribe(client(sandbox), response_format="json").text == transcribe(client(sandbox))


@pytest.mark.parametrize(
    "asked",
    [{"timestamp_granularities": ["segment", "word"]}, {"extra_body": {"timestamp_granularities": "word"}}],
    ids=["timestamp_granularities[]", "timestamp_granularities"],
)
def test_words_are_asked_for_in_both_spellings_and_arrive_inside_their_segments(
    sandbox: Simulated, asked: dict[str, Any]
) -> None:
    """The SDK writes a list under `timestamp_granularities[]`, and a text in `extra_body` under the name given."""
    found = transcribe(client(sandbox), response_format="verbose_json", **asked)
    assert isinstance(found, TranscriptionVerbose)
    assert found.segments
    assert found.segments[0].model_extra is not None
    assert found.segments[0].model_extra["words"][0]["start"] == 0.0
    assert found.words is None


def test_what_openai_does_not_know_is_asked_for_in_extra_body_and_arrives_as_more(sandbox: Simulated) -> None:
    found = transcribe(client(sandbox), response_format="verbose_json", extra_body={"diarization": True})
    assert found.segments[0].speaker == "Speaker 1"
    assert found.model_extra.keys() == {"task", "diarization_segments"}


def test_an_uploaded_file_is_transcribed_without_a_file(sandbox: Simulated) -> None:
    uploaded = sandbox.http.post("/thunderscribe/api/v1/upload", files={"file": FILE}).json()
    asked = {"file": openai.omit, "extra_body": {"file_id": uploaded["file_id"]}}
    assert transcribe(client(sandbox), **asked) == transcribe(client(sandbox))


@pytest.mark.parametrize(
    ("asked", "error"),
    [({"temperature": 3}, openai.BadRequestError), ({"file": ("fail.mp3", SOUND)}, openai.BadRequestError)],
)
def test_a_refusal_arrives_as_its_status_and_loses_its_words(
    sandbox: Simulated, asked: dict[str, Any], error: type[openai.APIStatusError]
) -> None:
    """The SDK looks for an object below `error`, and ThunderScribe has a text there."""
    with pytest.raises(error, match=r"^Error code: 400") as refused:
        transcribe(client(sandbox), **asked)
    assert refused.value.response.json().keys() == {"error", "message"}


def test_a_wrong_version_in_the_base_url_is_not_found(sandbox: Simulated) -> None:
    sdk = client(sandbox).with_options(base_url=f"{sandbox.url}/thunderscribe/api/v1")
    with pytest.raises(openai.NotFoundError):
        transcribe(sdk)


def test_one_call_that_times_out_is_three_requests_and_three_charges(sandbox: Simulated) -> None:
    """By default the SDK repeats twice what it got no answer to, without saying so."""
    earlier = billed(sandbox)
    sandbox.plan(endpoint=TRANSCRIPTIONS, kind="hang", times=3)
    with pytest.raises(openai.APITimeoutError):
        transcribe(client(sandbox, timeout=0.5))
    until(lambda: billed(sandbox) == earlier + 3, "each of them is billed")


def test_with_max_retries_0_one_call_is_one_charge(sandbox: Simulated) -> None:
    earlier = billed(sandbox)
    sandbox.plan(endpoint=TRANSCRIPTIONS, kind="hang", times=3)
    with pytest.raises(openai.APITimeoutError):
        transcribe(client(sandbox, timeout=0.5, max_retries=0))
    sandbox.mend()
    transcribe(client(sandbox))
    assert billed(sandbox) == earlier + 2


@pytest.mark.parametrize("kind", ["429", "500"])
def test_a_refusal_that_the_sdk_repeats_by_itself_is_billed_once(sandbox: Simulated, kind: str) -> None:
    earlier = billed(sandbox)
    sandbox.plan(endpoint=TRANSCRIPTIONS, kind=kind)
    transcribe(client(sandbox))
    assert [request[:4] for request in sandbox.asked(TRANSCRIPTIONS)] == ["POST", "POST"]
    assert billed(sandbox) == earlier + 1
