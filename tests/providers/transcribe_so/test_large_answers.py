"""`receiver.providers.transcribe_so.reading`: a large answer is read like a small one, and does not stop the loop."""

import asyncio
import gzip
import json
import math
import operator
import os
import subprocess
import sys
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from receiver.errors import ProviderUnavailable
from receiver.providers.transcribe_so import Result, TranscriptionStatus, parse, read, read_result
from receiver.providers.transcribe_so.answers import Page, Pipelines
from receiver.providers.transcribe_so.reading import (
    AT_ONCE_BYTES,
    IN_RUNS,
    MOST_PIECES,
    RUN,
    WINDOW_BYTES,
    Piece,
    pieces,
)
from receiver.providers.transcribe_so.results import ChapterAnswer, GrowingTranscript, SegmentAnswer
from receiver.transcripts import Transcript
from tests.providers.scripted import Provider, Stream

MEGABYTE = 1024 * 1024
BEGINNING = b'{"id": 7, "status": "completed"'
SEGMENT = {"start_seconds": 1.5, "end_seconds": 2.5, "text": 'a "quoted", [odd] {text}\\ \u201d', "speaker": "Ada"}


def padded(answer: dict[str, Any], *, first: bool = False) -> bytes:
    """An answer that an unknown field makes large, before or behind the other fields."""
    padding: dict[str, Any] = {"acts": [{"title": f'] }} \\ " {n}', "of": [[], {}, None, -1.5e3]} for n in range(2000)]}
    return json.dumps(padding | answer if first else answer | padding, indent=1).encode()


async def in_turns(answer: bytes) -> tuple[Result, Transcript, int]:
    """Read a result; returns also how often somebody else had a turn."""
    turns, reading = 0, asyncio.create_task(read_result(answer))
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    result, transcript = reading.result()
    return result, transcript, turns


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"segments": [], "chapters": None, "sections": [ ], "qna": []},
        {"segments": [SEGMENT] * 3, "qna": [{"question": "why?", "answer": None}]},
        {"segments": [SEGMENT, None, 5, [SEGMENT], {}, "x", SEGMENT | {"end_seconds": None}, SEGMENT]},
        {"segments": [SEGMENT] * (3 * RUN + 1) + [SEGMENT | {"words": []}] * 3 + [{}, SEGMENT | {"words": None}]},
        {"segments": [SEGMENT | {"words": [{"word": "a", "start": n} for n in range(5000)]}, SEGMENT]},
        {"segments": [SEGMENT | {"text": "long " * (WINDOW_BYTES // 4)}, SEGMENT | {"text": '\\"' * 5000}]},
        {"chapters": [{"title": None}, {"start_seconds": "9"}], "sections": [{"summary": 5}]},
    ],
)  # fmt: skip
async def test_a_large_result_is_the_transcript_that_a_small_one_is(parts: dict[str, Any], *, first: bool) -> None:
    answer = padded({"id": 7, "status": "completed", **parts}, first=first)
    assert len(answer) > AT_ONCE_BYTES
    result, transcript = await read_result(answer)
    assert (result.id, result.status) == (7, "completed")
    assert transcript == parse(Result, answer).transcript()


TIMES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just("1.5")
TEXTS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["\ud800", "a\0\x85\u202e"])
)
FIELDS = {"start_seconds": TIMES, "end_seconds": TIMES, "text": TEXTS, "speaker": TEXTS, "of_its_own": TEXTS}
PARTS = st.builds(operator.or_, st.sampled_from([{}, SEGMENT]), st.fixed_dictionaries({}, optional=FIELDS))


@settings(max_examples=100)
@example([SEGMENT | {"end_seconds": math.inf}])
@example([SEGMENT | {"start_seconds": True}])
@example([SEGMENT | {"text": "a\u202eb"}, SEGMENT | {"speaker": "a\0"}, SEGMENT | {"text": "\ud800"}])
@given(st.lists(PARTS, max_size=8))
def test_whatever_a_segment_holds_it_is_the_same_in_a_large_result(parts: list[dict[str, Any]]) -> None:
    segments, chapters = [json.dumps(items)[1:-1].encode() for items in ([SEGMENT, *parts, SEGMENT], [{}, *parts])]
    growing = GrowingTranscript()
    growing.add_all(SegmentAnswer, segments)
    growing.add_all(ChapterAnswer, chapters)
    whole = BEGINNING + b', "segments": [%b], "chapters": [%b]}' % (segments, chapters)
    assert growing.transcript() == parse(Result, whole).transcript()


async def test_a_result_has_no_more_parts_than_any_recording() -> None:
    part = b'{"start_seconds":0,"end_seconds":0,"text":""}'
    answer = BEGINNING + b', "segments": [' + (part + b",") * MOST_PIECES + part + b"]}"
    with pytest.raises(ProviderUnavailable, match=r"makes no sense at segments$"):
        await read_result(answer)


async def test_other_large_answers_are_read_too() -> None:
    items = [{"id": n, "status": "processing", "title": f"episode {n}", "of_its_own": [n]} for n in range(1, 900)]
    page = await read(Page, padded({"data": items, "next_cursor": "2026-01-01"}))
    assert (page.data, page.next_cursor) == ([parse(TranscriptionStatus, json.dumps(one).encode()) for one in items],
                                             "2026-01-01")  # fmt: skip
    assert (await read(Page, padded({"data": []}))).data == []
    assert [one.code for one in (await read(Pipelines, padded({"pipelines": [{"code": "a"}]}))).pipelines] == ["a"]
    assert (await read(TranscriptionStatus, padded({"id": 7, "status": "queued", "progress": 5}))).progress == 5


@pytest.mark.parametrize(
    ("model", "answer", "place"),
    [
        (Page, {"data": [{"id": 1}]}, "status"),
        (Page, {"data": {}}, "data"),
        (Page, {}, "data"),
        (Result, {"id": 1}, "status"),
        (Result, {"id": "x", "status": "completed"}, "id"),
        (Result, {"id": 1, "status": "completed", "segments": "none"}, "segments"),
        (TranscriptionStatus, {"id": 1, "status": "x" * (MEGABYTE + 1)}, "status"),
        (TranscriptionStatus, {"id": 1, "status": "x" * 600_000, "title": "y" * 600_000}, "title"),
        (TranscriptionStatus, {"id": 1, "status": "x", "stage": [[]] * 10_000}, "stage"),
        (TranscriptionStatus, {"id": 1, "status": "\ud800", "stage": [[]] * 3000, "title": [[]] * 3000}, "title"),
        (Result, {"id": 1, "status": "x", "segments": [{"text": [[]] * 10_000}]}, "text"),
        (Page, {"data": [{"id": 1, "status": "x"}] * 6000}, "data"),
        (Page, {"data": [{"id": 1, "status": "x", "callback": {"of": [[]] * 1000}}]}, "callback"),
        (TranscriptionStatus, {"x" * 5000: 1, "id": 1, "status": "x"}, "its top level"),
    ],
)
async def test_what_is_wrong_in_a_large_answer_is_named(model: Any, answer: dict[str, Any], place: str) -> None:
    with pytest.raises(ProviderUnavailable, match=f"makes no sense at {place}$") as raised:
        await read(model, padded(answer))
    assert raised.value.code == "malformed_answer"


async def test_what_is_not_known_in_a_large_item_is_not_kept() -> None:
    """A page could hold millions of lists, and each list would stay an object until the end."""
    large = {"id": 7, "status": "queued", "title": "t" * 5000, "acts": [[]] * 2000}
    page = await read(Page, padded({"data": [large] * 50}))
    assert [(one.id, one.title, one.model_extra) for one in page.data] == [(7, large["title"], {})] * 50


WHOLE = BEGINNING + b', "x": [' + b'{"a": "b"},' * 9000 + b"{}]}"


@pytest.mark.parametrize(
    "answer",
    [WHOLE[:-1], WHOLE[:-2], WHOLE + b"}", WHOLE + b"x", b"x" + WHOLE, b"[" + WHOLE + b"]", b" " * len(WHOLE),
     WHOLE.replace(b'"x"', b'"x'), WHOLE.replace(b'"x":', b'"x"'), WHOLE.replace(b'"x"', b'"\\x"'),
     b'"' + b"a" * 99_999, BEGINNING + b', "x": "' + b'\\"' * 200_000 + b'"}'],
    ids=["without its end", "without two", "with another end", "with more", "with a beginning", "a list", "blank",
         "without a mark", "without a colon", "with a name that is none", "a string", "of quotes"],
)  # fmt: skip
async def test_what_is_no_object_is_malformed(answer: bytes) -> None:
    with pytest.raises(ProviderUnavailable) as raised:
        await read_result(answer)
    assert raised.value.code == "malformed_answer"


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        pytest.param(b'"x": [' + b"[]," * 90_000 + b"[]]", 0, id="of lists"),
        pytest.param(b'"x": ' + b"[" * 90_000 + b"]" * 90_000, 0, id="deep"),
        pytest.param(b'"x": ' + b" " * (6 * MEGABYTE) + b"1", 0, id="of blanks"),
        pytest.param(b'"segments": [{"words": [' + b"{}," * 90_000 + b"{}]}]", 1, id="in a segment"),
        pytest.param(b'"segments": [' + b'{"text": "that was said"},' * 40_000 + b"{}]", 40_001, id="of segments"),
    ],
)
async def test_while_a_large_answer_is_read_others_have_their_turns(content: bytes, kept: int) -> None:
    """A parser would make an object of each bracket, and no other work could run until its end."""
    _, transcript, turns = await in_turns(BEGINNING + b", " + content + b"}")
    assert len(transcript.segments) == kept
    assert turns > 3


GROWTH = """
import asyncio, resource, sys
from receiver.providers.transcribe_so import read_result
answer = b'{"id": 7, "status": "completed", "acts": [' + b'[],' * 1_000_000 + b'[]]}'
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
asyncio.run(read_result(answer))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is Linux's")
def test_of_what_nobody_needs_nothing_is_made() -> None:
    """A million lists are a hundred megabytes of objects, and as much again while they are parsed."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}  # its memory counts
    ran = subprocess.run(
        [sys.executable, "-c", GROWTH], env=alone, capture_output=True, text=True, timeout=60, check=True
    )
    assert int(ran.stdout) < 20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(min_size=1), JSON), st.sampled_from([None, 1]), st.booleans(), st.booleans())
def test_every_value_and_every_item_is_cut_where_it_ends(
    answer: dict[str, Any],
    indent: int,
    ascii_only: bool,  # noqa: FBT001 - drawn
    in_runs: bool,  # noqa: FBT001 - drawn
) -> None:
    raw = json.dumps(answer, indent=indent, ensure_ascii=ascii_only).encode(errors="replace")
    answer = json.loads(raw)
    lists = dict.fromkeys((name for name, value in answer.items() if isinstance(value, list)), TranscriptionStatus)
    found: dict[str, Any] = {}
    for piece in filter(None, pieces(raw, lists, IN_RUNS) if in_runs else pieces(raw, lists)):
        assert isinstance(piece, Piece)
        value = raw[piece.start : piece.end] or b"[]"
        if piece.is_item:
            items = json.loads(b"[%b]" % value)
            assert len(items) == 1 or in_runs
            found[piece.name] += items
        else:
            found[piece.name] = json.loads(value)
    assert found == answer


def test_a_run_ends_before_what_is_not_flat_in_every_python() -> None:
    """Python 3.11.2 goes on into half an object where a repeated group has a `+` behind its bounds."""
    run = IN_RUNS.match(b'{"a": 1}, {"b": "]}"}, {"c": [1]}')
    assert run is not None
    assert run.group() == b'{"a": 1}, {"b": "]}"}'
    assert b"}+" not in IN_RUNS.pattern


async def test_a_refusal_of_megabytes_is_known_by_its_status() -> None:
    """A proxy's page, of which nothing is made."""
    huge = httpx.Response(503, content=b'{"error": {"code": "x", "message": "' + b"[" * MEGABYTE + b'"}}')
    async with Provider(huge).client() as api:
        with pytest.raises(ProviderUnavailable) as raised:
            await api.me()
    assert (raised.value.code, raised.value.status) == ("http_503", 503)


async def test_a_packed_answer_is_unpacked_a_little_at_a_time() -> None:
    """A few bytes become megabytes, and others have their turns meanwhile."""
    whole = BEGINNING + b', "x": "' + b"x" * (6 * MEGABYTE) + b'"}'
    packed = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Stream(gzip.compress(whole), pieces=1))
    async with Provider(packed).client() as api:
        turns, asking = 0, asyncio.create_task(api.result(7))
        while not asking.done():
            await asyncio.sleep(0)
            turns += 1
    assert asking.result() == whole
    assert turns > len(whole) // (256 * 1024)
