"""Read an answer of up to 32 MB on the event loop, without stopping it and without a second 32 MB.

A parser that makes objects of everything takes a second and four hundred megabytes for thirty of an answer, and for one
that is made of `[],` alone a gigabyte. Nobody needs most of it. So a large answer is first cut, by its brackets, commas
and quotation marks:

    {"id": 7, "segments": [{…}, {…}, …], "acts": [[[…]]], …}
     └─ a value ┘            └ an item ┘      └ not known: walked over, nothing is made of it

and what is known is then parsed item by item and the small rest, each as strictly or laxly as in a small answer. Every
few milliseconds the loop gets its turn. That a bracket closes what it should is not checked where nothing is read.

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
from receiver.providers.transcribe_so.answers import Answer, Page, PipelineAnswer, Pipelines, TranscriptionStatus, parse
from receiver.providers.transcribe_so.results import (
    ChapterAnswer,
    Growing,
    QnAAnswer,
    Result,
    SectionAnswer,
    SegmentAnswer,
)
from receiver.transcripts import Transcript

Model = TypeVar("Model", bound=Answer)
Items: TypeAlias = Mapping[str, type[Answer]]

AT_ONCE_BYTES = 32 * 1024
TEXT_BYTES = 1024 * 1024  # of all known texts of an object
ITEM_BYTES = 4 * 1024  # of an item that is kept with whatever is in it
ITEMS_BYTES = 1024 * 1024  # of all those: a page has two hundred at most
LEAST_BYTES = 200  # what the smallest counts for: it costs a kilobyte
TURN_SECONDS = 0.005
MARKS_A_LOOK = 500
WINDOW_BYTES = 256 * 1024
MOST_MARKS = 8_000_000  # strings too; the longest recordings have three
MOST_PIECES = 150_000  # where each is kept the garbage collector looks at all of them at once
MOST_QUOTES = 100_000
NAME_BYTES = 4 * 1024

_ITEMS: dict[type[Answer], Items] = {
    Page: {"data": TranscriptionStatus},
    Pipelines: {"pipelines": PipelineAnswer},
    Result: {"segments": SegmentAnswer, "chapters": ChapterAnswer, "sections": SectionAnswer, "qna": QnAAnswer},
}
# A string, or a mark; a quotation mark alone begins a string that ends elsewhere. Nothing is tried twice.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},"]', re.DOTALL)
_COLON = re.compile(rb"[ \t\r\n]*:")
_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\{")
_OPENING, _CLOSING, _ENDING, _LIST, _QUOTE, _NOTHING = b"[{", b"]}", b",]}", ord("["), ord('"'), 0


@dataclass(frozen=True, slots=True)
class Piece:
    """Where a value of the outermost object stands, or an item of such a value.

    A list whose items are pieces of their own is itself an empty piece before them.
    """

    name: str
    start: int
    end: int
    is_item: bool


async def read(model: type[Model], answer: bytes, *, at_once: int = AT_ONCE_BYTES) -> Model:
    """Return an answer as `model`; of a large one, without the fields of its outermost object that we do not know.

    One of `at_once` bytes is not large, and in a large one no more of them may be known but for texts.

    Raises:
        ProviderUnavailable: it is not what the specification says, code `malformed_answer`.
    """
    if len(answer) <= at_once:
        return parse(model, answer)
    kinds, items = _ITEMS.get(model, {}), dict[str, list[Answer]]()
    known, left = dict[str, bytes](), ITEMS_BYTES
    async for piece in _in_turns(pieces(answer, kinds)):
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
    """Return a result and its transcript; of a large answer the result is without its parts.

    Raises:
        ProviderUnavailable: it is not what the specification says, code `malformed_answer`.
    """
    if len(answer) <= AT_ONCE_BYTES:
        result = parse(Result, answer)
        return result, result.transcript()
    kinds, growing = _ITEMS[Result], Growing()
    known: dict[str, bytes] = {}
    async for piece in _in_turns(pieces(answer, kinds)):
        if not piece.is_item:
            if piece.name in Result.model_fields:
                _keep(known, answer, piece, AT_ONCE_BYTES)
        elif (item := answer[piece.start : piece.end].strip()).startswith(b"{"):
            growing.add(await read(kinds[piece.name], item))
    return parse(Result, _object(known)), growing.transcript()


def pieces(answer: bytes, items: Items) -> Iterator[Piece | None]:
    """Yield the values of the outermost object, and of lists named in `items` the items; None now and then.

    Raises:
        ProviderUnavailable: it is no object, or it does not end.
    """
    name, start, in_list = "", 0, False
    for number, (depth, mark, at, end) in enumerate(_marks(answer)):
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


def _marks(answer: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield brackets and commas, and the strings of the outermost object: how deep, what, and where it begins and ends.

    Raises:
        ProviderUnavailable: it is no object, or it does not end.
    """
    depth = 0
    for number, (at, end) in enumerate(_tokens(answer) if _BEGINNING.match(answer) else ()):
        if number == MOST_MARKS:
            break
        mark = answer[at] if at < end else _NOTHING
        if mark == _QUOTE:
            if depth == 1:
                yield depth, mark, at, end
            continue
        yield depth, mark, at, end
        depth += (mark in _OPENING) - (mark in _CLOSING)
        if depth == 0:
            if answer[end:].strip():
                break
            return
    raise _malformed()


def _tokens(answer: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each mark and each string begins and ends, and at each window's end nothing: a gap may be long."""
    at = 0
    while at < len(answer):
        limit = at + WINDOW_BYTES
        for token in _TOKEN.finditer(answer, at, limit):
            at, end = token.span()
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
    """Return where a string of any length ends, the quotation mark that no backslash stands before.

    Raises:
        ProviderUnavailable: nowhere, or it has more quotation marks than any text.
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
    """Return where the backslashes begin that `end` stands behind, without a copy of all that is before them."""
    while end > start:
        window = answer[max(start, end - WINDOW_BYTES) : end]
        other = len(window.rstrip(b"\\"))
        end -= len(window) - other
        if other:
            break
    return end


async def _in_turns(steps: Iterator[Piece | None]) -> AsyncIterator[Piece]:
    """Yield the pieces; whenever some milliseconds have gone, everybody else has a turn first.

    Raises:
        ProviderUnavailable: there are more than any recording has.
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
    """Return the name that a string is, and where its value begins."""
    colon = _COLON.match(answer, end)
    try:
        name = json.loads(answer[start:end]) if end - start <= NAME_BYTES else ""
    except ValueError:
        name = ""
    if colon is None or not name:
        raise _malformed()
    return str(name), colon.end()


def _keep(known: dict[str, bytes], answer: bytes, piece: Piece, at_once: int) -> None:
    """Take a value among the known ones, which are parsed at once: only a text may be long, since it is one object.

    Raises:
        ProviderUnavailable: with it they are larger than such values are.
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


def _malformed(place: str = "the whole") -> ProviderUnavailable:
    return ProviderUnavailable(f"the answer makes no sense at {place}", code="malformed_answer")
