"""Read an answer of up to 32 MB on the event loop, without stopping it and without a second 32 MB.

A parser that makes objects of a whole 30 MB answer needs a second and 400 MB; for 30 MB of `[],` it needs a gigabyte.
We need only a small part of an answer. So a large answer is first cut at its brackets, commas and quotation marks:

    {"id": 7, "segments": [{…}, {…}, …], "acts": [[[…]]], …}
     └ a value             └ an item      └ an unknown field: skipped, no object is made

Then the known items are parsed one by one, and the known small values together. A large answer is checked as strictly
as a small one, except that brackets inside skipped fields need not match. The loop runs other work every few
milliseconds.

A **mark** is a bracket or a comma. A **piece** is a value of the outermost object, or an item of such a value. A
**run** is some objects without brackets inside, with the commas between them, such as the segments of a result. It is
cut in one go, and it is a single piece, which is parsed in one go.

A process beside this one would not stop the loop either, but it would have to be started, bounded, fed and ended.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from receiver.errors import ProviderUnavailable
from receiver.providers.transcribe_so.answers import (
    Answer,
    Page,
    PipelineAnswer,
    Pipelines,
    TranscriptionStatus,
    parse,
)
from receiver.providers.transcribe_so.results import (
    ChapterAnswer,
    GrowingTranscript,
    QnAAnswer,
    Result,
    SectionAnswer,
    SegmentAnswer,
)
from receiver.transcripts import Transcript

Model = TypeVar("Model", bound=Answer)
Items: TypeAlias = Mapping[str, type[Answer]]

AT_ONCE_BYTES = 32 * 1024
TEXT_BYTES = 1024 * 1024  # the limit for all known texts of an object
ITEM_BYTES = 4 * 1024  # a larger item is read without its unknown fields
ITEMS_BYTES = 1024 * 1024  # the limit for all items of an object: a page has at most two hundred
LEAST_BYTES = 200  # every item counts at least this much: its object costs a kilobyte
TURN_SECONDS = 0.005  # after that other work runs
MARKS_A_LOOK = 500  # between two looks at the clock
WINDOW_BYTES = 256 * 1024
RUN = 100  # objects of a run, at most
MOST_MARKS = 8_000_000  # marks and strings; the longest recordings have three million
MOST_PIECES = 150_000  # the garbage collector scans all kept pieces in one go, which stops the loop
MOST_QUOTES = 100_000
NAME_BYTES = 4 * 1024

_ITEMS: dict[type[Answer], Items] = {
    Page: {"data": TranscriptionStatus},
    Pipelines: {"pipelines": PipelineAnswer},
    Result: {"segments": SegmentAnswer, "chapters": ChapterAnswer, "sections": SectionAnswer, "qna": QnAAnswer},
}
# A string, or a mark. A lone quotation mark begins a string that ends behind the window. The regexes never backtrack.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = re.compile(_STRING + rb'|[\[\]{},"]', re.DOTALL)
_FLAT = rb'\{[^"\[\]{}]*+(?:%b[^"\[\]{}]*+)*+\}' % _STRING
# `(?>…)`, because `{…}+` on a group keeps half of its last try in Python 3.11.2, which Debian 12 has.
IN_RUNS = re.compile(
    rb"%b(?>(?:[ \t\r\n]*+,[ \t\r\n]*+%b){0,%d})|" % (_FLAT, _FLAT, RUN - 1) + _TOKEN.pattern, re.DOTALL
)
_COLON = re.compile(rb"[ \t\r\n]*:")
_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\{")
_OPENING, _CLOSING, _ENDING, _LIST, _QUOTE, _NOTHING = b"[{", b"]}", b",]}", ord("["), ord('"'), 0


@dataclass(frozen=True, slots=True)
class Piece:
    """The position of a value of the outermost object, or of an item of such a value, or of a run of its items.

    A list whose items are pieces yields an empty piece first, for the list itself.
    """

    name: str
    start: int
    end: int
    is_item: bool


async def read(model: type[Model], answer: bytes, *, at_once: int = AT_ONCE_BYTES) -> Model:
    """Return an answer as `model`. A large answer loses the unknown fields of its outermost object.

    An answer is large if it has more than `at_once` bytes. Its known values that are not texts must fit in `at_once`.

    Raises:
        ProviderUnavailable: the answer does not follow the specification (code `malformed_answer`).
    """
    if len(answer) <= at_once:
        return parse(model, answer)
    kinds, items = _ITEMS.get(model, {}), dict[str, list[Answer]]()
    known, left = dict[str, bytes](), ITEMS_BYTES
    async for piece in in_turns(pieces(answer, kinds)):
        if piece.is_item:
            item = answer[piece.start : piece.end]
            left -= max(LEAST_BYTES, min(len(item), ITEM_BYTES))
            if left < 0:
                raise _malformed(piece.name)
            items.setdefault(piece.name, []).append(await read(kinds[piece.name], item, at_once=ITEM_BYTES))
        elif piece.name in model.model_fields:
            _keep(known, answer, piece, at_once)
    return parse(model, _object(known)).model_copy(update=items)


async def read_result(answer: bytes) -> tuple[Result, Transcript]:
    """Return a result and its transcript. The result of a large answer has no segments, chapters, sections and qna.

    Raises:
        ProviderUnavailable: the answer does not follow the specification (code `malformed_answer`).
    """
    if len(answer) <= AT_ONCE_BYTES:
        result = parse(Result, answer)
        return result, result.transcript()
    kinds, growing = _ITEMS[Result], GrowingTranscript()
    known: dict[str, bytes] = {}
    async for piece in in_turns(pieces(answer, kinds, IN_RUNS)):
        if not piece.is_item:
            if piece.name in Result.model_fields:
                _keep(known, answer, piece, AT_ONCE_BYTES)
        elif (items := answer[piece.start : piece.end].strip()).startswith(b"{"):
            if len(items) <= AT_ONCE_BYTES:
                growing.add_all(kinds[piece.name], items)
            else:  # a single item, because a run ends within a window
                growing.add(await read(kinds[piece.name], items))
            if growing.length > MOST_PIECES:
                raise _malformed(piece.name)
    return parse(Result, _object(known)), growing.transcript()


def pieces(answer: bytes, items: Items, token: re.Pattern[bytes] = _TOKEN) -> Iterator[Piece | None]:
    """Yield the values of the outermost object, and the items of its lists that `items` names.

    Between them None is yielded now and then, so that the caller can let other work run. With `IN_RUNS` the items of a
    run are a single piece.

    Raises:
        ProviderUnavailable: the answer is not an object, or the object does not end.
    """
    name, start, in_list = "", 0, False
    for number, (depth, mark, at, end) in enumerate(_marks(answer, token)):
        if number % MARKS_A_LOOK == 0 or mark == _NOTHING:
            yield None
        if depth == 1 and not name:
            if mark == _QUOTE:
                name, start = _name(answer, at, end)
        elif depth == 1 and mark == _LIST and name in items:
            yield Piece(name, end, end, is_item=False)
            start, in_list = end, True
        elif depth == 1 and mark in _ENDING:
            yield Piece(name, start, at, is_item=False)
            name = ""
        elif depth == 2 and in_list and mark in _ENDING:  # noqa: PLR2004 - in a list of the object
            if at > start and not answer[start:at].isspace():
                yield Piece(name, start, at, is_item=True)
            start = end
            if mark in _CLOSING:
                name, in_list = "", False


def _marks(answer: bytes, token: re.Pattern[bytes]) -> Iterator[tuple[int, int, int, int]]:
    """Yield (depth, byte, start, end) of each mark in the outermost object, and of each string of it.

    Raises:
        ProviderUnavailable: the answer is not an object, or the object does not end.
    """
    beginning, depth = _BEGINNING.match(answer), 1
    for number, (at, end) in enumerate(_tokens(answer, beginning.end(), token) if beginning else ()):
        if number == MOST_MARKS:
            break
        mark = answer[at] if at < end else _NOTHING
        if end - at > 1:  # a string, or a run, whose brackets are all closed
            if mark == _QUOTE and depth == 1:
                yield depth, mark, at, end
            continue
        yield depth, mark, at, end
        depth += (mark in _OPENING) - (mark in _CLOSING)
        if depth == 0:
            if answer[end:].strip():
                break
            return
    raise _malformed()


def _tokens(answer: bytes, at: int, token: re.Pattern[bytes]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each token from `at` on, and an empty pair at each window's end: gaps can be long."""
    while at < len(answer):
        limit = at + AT_ONCE_BYTES
        for found in token.finditer(answer, at, limit):
            at, end = found.span()
            if end == at + 1 and answer[at] == _QUOTE:
                end = _end_of_string(answer, at + 1)
                yield at, end
                at = end
                break
            yield at, end
        else:
            at = limit
            yield at, at


def _end_of_string(answer: bytes, start: int) -> int:
    """Return the end of a string of any length: behind the first quotation mark that no backslash escapes.

    Raises:
        ProviderUnavailable: the string does not end, or has more quotation marks than any text.
    """
    at = start
    for _ in range(MOST_QUOTES):
        end = answer.find(b'"', at)
        if end < 0:
            break
        if (end - _before_slashes(answer, at, end)) % 2 == 0:
            return end + 1
        at = end + 1
    raise _malformed()


def _before_slashes(answer: bytes, start: int, end: int) -> int:
    """Return the start of the backslashes directly before `end`, without a copy of the whole string."""
    while end > start:
        window = answer[max(start, end - WINDOW_BYTES) : end]
        other = len(window.rstrip(b"\\"))
        end -= len(window) - other
        if other:
            break
    return end


async def in_turns(steps: Iterator[Piece | None]) -> AsyncIterator[Piece]:
    """Yield the pieces, and let other work run every few milliseconds.

    Raises:
        ProviderUnavailable: there are more pieces than any recording has.
    """
    began, left = time.perf_counter(), MOST_PIECES
    for piece in steps:
        if piece is not None:
            left -= 1
            if not left:
                raise _malformed(piece.name)
            yield piece
        if time.perf_counter() - began > TURN_SECONDS:
            await asyncio.sleep(0)
            began = time.perf_counter()


def _name(answer: bytes, start: int, end: int) -> tuple[str, int]:
    """Return the name that the string at `start` holds, and the start of the name's value."""
    colon = _COLON.match(answer, end)
    try:
        name = json.loads(answer[start:end]) if end - start <= NAME_BYTES else ""
    except ValueError:
        name = ""
    if colon is None or not name:
        raise _malformed()
    return str(name), colon.end()


def _keep(known: dict[str, bytes], answer: bytes, piece: Piece, at_once: int) -> None:
    """Add a value to `known`, whose values will be parsed together. Only texts can be long: a text is a single object.

    Raises:
        ProviderUnavailable: the known values are now too large.
    """
    if piece.end - piece.start > TEXT_BYTES:
        raise _malformed(piece.name)
    known[piece.name] = answer[piece.start : piece.end].strip() or b"[]"
    is_text = known[piece.name].startswith(b'"')
    size = sum(len(value) for value in known.values() if value.startswith(b'"') is is_text)
    if size > (TEXT_BYTES if is_text else at_once):
        raise _malformed(piece.name)


def _object(values: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in values.items()) + b"}"


def _malformed(place: str = "its top level") -> ProviderUnavailable:
    return ProviderUnavailable(f"the answer makes no sense at {place}", code="malformed_answer")
