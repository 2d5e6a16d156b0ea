"""Find the passages in which some words were said, the newest transcripts first.

    the newest transcripts have enough passages with the words? ──▶ those
                        └──no──▶ few passages have the words? ──▶ all of them are looked up, and put in order
                                            └──no──▶ the newest transcripts are read until there are enough

Where words have no spaces between them (Chinese, Japanese, Thai, …) the text is read, and each term must stand in it.
What one search reads is bounded. If there may be more behind that, the answer has the key at which to go on.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

from receiver.database import Connection, Database, Pool, query
from receiver.errors import ImpossibleError
from receiver.inbox.filters import pattern
from receiver.submissions.library import excerpts
from receiver.submissions.library.excerpts import Part
from receiver.submissions.library.keys import END, NEWEST, Key

MOST_CHARACTERS = 200
MOST_CANDIDATES = 3000  # more passages than this: the words are said everywhere
MOST_WAITING = 1000
MOST_HITS = 100  # of one search: each is marked, which takes longer than to find it
FIRST_PASSAGES, MOST_PASSAGES = 250, 6000  # that are read one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Among:
    """Which transcripts are searched. None leaves it open.

    Attributes:
        title: a part of the title; upper and lower case are the same.
        source: its source.
        since: how long ago it ended at most.

    Raises:
        ImpossibleError: the title or the source is too long, or has a character that none has.
    """

    title: str | None = None
    source: str | None = None
    since: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be looked for."""
        for name, text in (("title", self.title or ""), ("source", self.source or "")):
            if not text.isprintable():
                raise ImpossibleError(f"the {name} has a character that cannot be looked for")
            if len(text) > MOST_CHARACTERS:
                raise ImpossibleError(f"the {name} is too long: {MOST_CHARACTERS} characters at most")

    @property
    def values(self) -> tuple[str | None, str | None, timedelta | None]:
        """The parameters of the statements."""
        return pattern(self.title), self.source, self.since


ALL = Among()


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that has the words.

    Attributes:
        key: its place in the order.
        transcript: the key of its transcript in the library.
        seconds: when the first of the words was said, from the start of the recording.
        speaker: who speaks; None if that is not told, or if several people speak in the passage.
        excerpt: the words and what stands around them.
    """

    key: Key
    transcript: int
    source: str
    api_url: str
    account: str | None
    transcription_id: str
    title: str | None
    at: datetime
    seconds: float
    speaker: str | None
    excerpt: tuple[Part, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `search --json` prints."""
        shown = ("source", "api_url", "account", "transcription_id", "title", "seconds", "speaker")
        return {name: getattr(self, name) for name in shown} | {
            "at": self.at.isoformat(), "excerpt": [{"text": text, "marked": mark} for text, mark in self.excerpt],
        }  # fmt: skip


class Found(NamedTuple):
    """What a search has found.

    Attributes:
        hits: newest transcripts first.
        further: the key at which to go on; None if there is no more.
        read_to: the time of the oldest transcript that was looked through, if there may be more behind it although
            there are fewer hits than asked for.
        by_text: whether there are transcripts whose words have no spaces between them: terms are looked for in those.
    """

    hits: Sequence[Hit]
    further: Key | None
    read_to: datetime | None
    by_text: bool


async def search(db: Connection, words: str, among: Among = ALL, *, before: Key = NEWEST, limit: int = 20) -> Found:
    """Return the passages that have some words, at most `limit` (of up to 100), behind a key.

    `words` are those of a web search: "a phrase" in quotes, `or`, and `-word` for what must not stand there.

    Raises:
        ImpossibleError: there is no word that can be looked up.
    """
    said, limit = _said(words), min(limit, MOST_HITS)
    async with db.transaction(readonly=True):
        await db.fetchval(query("library/bound_search"))
        looking = _Looking(db, said, terms(said), among, limit + 1)
        keys, horizon, by_text = await looking.keys(before)
        # What lies behind the horizon has not been looked at in full.
        shown = sorted((key for key in keys if horizon is None or key[:2] >= horizon[:2]), key=_order)[: limit + 1]
        hits = await looking.read(shown[:limit])
    if len(shown) > limit:
        return Found(hits, shown[limit - 1], None, by_text)
    return Found(hits, horizon, None if horizon is None else horizon.at, by_text)


async def all_hits(db: Pool, words: str, among: Among, most: int | None) -> tuple[list[Hit], int]:
    """Return the hits of one search after the other, at most `most`, and how many transcripts are not indexed yet.

    Raises:
        ImpossibleError: as for `search`.
    """
    found, before = list[Hit](), NEWEST
    while most is None or len(found) < most:
        few = MOST_HITS if most is None else most - len(found)
        async with db.acquire() as connection:
            answer = await search(connection, words, among, before=before, limit=few)
        found += answer.hits
        if answer.further is None:
            break
        before = answer.further
    return found, await waiting(db)


async def waiting(db: Database) -> int:
    """Return how many kept transcripts are not in the library yet, up to 1,000."""
    count: int = await db.fetchval(query("library/count_waiting"), MOST_WAITING)
    return count


def not_indexed(waiting: int) -> str:
    """Return a sentence that says how many transcripts are not in the library yet; empty if none is waiting."""
    number = f"{waiting:,}{' or more' if waiting >= MOST_WAITING else ''}"
    are = "transcript is" if waiting == 1 else "transcripts are"
    return f"{number} {are} not in the index yet: a worker puts them there (`receiver work`)" if waiting else ""


def terms(words: str) -> list[str]:
    """Return what must stand in a text without spaces between words."""
    plain = [word for word in words.replace('"', " ").split() if not word.startswith("-")]
    return list(dict.fromkeys(word for word in plain if word.lower() != "or"))


def _said(words: str) -> str:
    """Return the words without what no text has.

    Raises:
        ImpossibleError: there are none, or too many.
    """
    said = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    if not said:
        raise ImpossibleError("there is nothing to search for: name at least one word", code="no_words")
    if len(said) > MOST_CHARACTERS:
        raise ImpossibleError(
            f"a search has at most {MOST_CHARACTERS} characters, this one has {len(said)}", code="no_words"
        )
    return said


def _order(key: Key) -> tuple[float, int, int]:
    return -key.at.timestamp(), -key.transcript, key.number


class _Looking(NamedTuple):
    """A search under way, in its transaction."""

    connection: Connection
    words: str
    terms: Sequence[str]
    among: Among
    limit: int

    async def keys(self, before: Key) -> tuple[list[Key], Key | None, bool]:
        """Return the keys of passages, behind which key not all were looked at, and whether texts are looked into."""
        by_text = bool(self.terms) and await self.connection.fetchval(query("library/has_unspaced"))
        if (self.among.title, self.among.source) == (None, None):  # else those that have them can be far apart
            newest = _keys(await self._in_newest(before, FIRST_PASSAGES, only_unspaced=False))
            if len(newest) >= self.limit:
                return newest, None, by_text
        row = await self.connection.fetchrow(
            query("library/find_candidates"), self.words, MOST_CANDIDATES, *self.among.values, *before, self.limit
        )
        assert row is not None, "an aggregate always returns a row"
        if row["configs"] and not row["asked"] and not by_text:
            raise ImpossibleError(
                f"{self.words!r} cannot be searched for: every text has such words, or they only exclude others; name "
                "a word that was said",
                code="no_words",
            )
        if row["candidates"] >= MOST_CANDIDATES:
            return *await self._newest(before, only_unspaced=False), by_text
        in_texts, horizon = await self._newest(before, only_unspaced=True) if by_text else ([], None)
        return [*_keys(row), *in_texts], horizon, by_text

    async def _newest(self, before: Key, *, only_unspaced: bool) -> tuple[list[Key], Key | None]:
        """Read the newest transcripts until there are enough passages, or enough was read."""
        found, passages, left = list[Key](), FIRST_PASSAGES, MOST_PASSAGES
        while True:
            row = await self._in_newest(before, passages, only_unspaced=only_unspaced)
            found += _keys(row)
            if row["is_end"]:
                return found, None
            before, left = Key(row["last_at"], row["last_transcript"], END), left - max(1, row["passages"])
            if len(found) >= self.limit or left <= 0:
                return found, before
            passages = min(passages * 2, left)

    async def _in_newest(self, before: Key, passages: int, *, only_unspaced: bool) -> asyncpg.Record:
        """Read the newest transcripts behind a key, as many as have so many passages."""
        row = await self.connection.fetchrow(
            query("library/find_in_newest"), self.words, list(map(pattern, self.terms)), *self.among.values,
            *before, self.limit, passages, only_unspaced,
        )  # fmt: skip
        assert row is not None, "an aggregate always returns a row"
        return row

    async def read(self, keys: Sequence[Key]) -> list[Hit]:
        """Return what is shown of passages."""
        columns = [key.transcript for key in keys], [key.number for key in keys]
        rows = await self.connection.fetch(query("library/read_passages"), *columns, self.words)
        return [_hit(row, self.terms) for row in rows]


def _keys(row: asyncpg.Record) -> list[Key]:
    return list(map(Key, row["ats"], row["transcripts"], row["numbers"]))


def _hit(row: asyncpg.Record, wanted: Sequence[str]) -> Hit:
    text = excerpts.marked(row["text"], wanted) if row["is_unspaced"] else row["text"]
    parts = excerpts.parts(text)
    seconds = excerpts.moment(parts, json.loads(row["starts"]), row["seconds"])
    return Hit(
        Key(row["at"], row["transcript"], row["number"]), row["transcript"], row["source"], row["api_url"],
        row["account"], row["transcription_id"], row["title"], row["at"], seconds, row["speaker"],
        tuple(excerpts.excerpt(parts)),
    )  # fmt: skip
