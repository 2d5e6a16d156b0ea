"""The content of a finished transcription: a made-up podcast, always the same for the same id.

A word in the recording's name selects a special case that users' handlers must cope with:

word in the name     the recording
two-hours            lasts two hours, if no duration was passed
hundred-hours        lasts a hundred hours, if no duration was passed
empty                is silent: no segments, chapters, sections or questions
no-chapters          has segments only
no-speakers          has segments without a speaker
late-start           has a first chapter that does not begin at 0:00
close-chapters       has chapters that begin 5 s apart
bad-srt              has SRT with a byte order mark, no numbers, and times that run backwards; not at transcribe.so
huge-stem            has a stem of 48 MB; that of huge-stem-1024mb has 1,024 MB
"""

import hashlib
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

DURATION_SECONDS = 3600
LONG_SECONDS = {"two-hours": 2 * 3600, "hundred-hours": 100 * 3600}
SECTIONS = ("segments", "chapters", "sections", "qna")
EVERY_SECTION = (*SECTIONS, "acts", "posting_chapters")

SPEAKERS = ("Ada", "Ben")
TOPICS = (
    "Why the first hire defines the culture", "Pricing before there is a product", "What the launch taught us",
    "Reading customers' mail", "The week the servers fell over", "Choosing boring technology",
    "How to say no to a feature", "Raising money, or not", "Writing as thinking", "What we would do again",
    "Hiring slowly", "The long tail of support",
)  # fmt: skip
OPENINGS = ("I think", "What surprised me is that", "People forget that", "We learned that", "To be honest,", "So")
SUBJECTS = ("the team", "a small product", "the first customer", "our roadmap", "a good question", "the market")
VERBS = ("changes", "explains", "delays", "rewards", "hides", "outlives")
OBJECTS = ("the whole plan.", "what you build next.", "every meeting.", "the price.", "a year of work.", "the story.")
HUGE = re.compile(r"huge-stem(?:-([1-9][0-9]{0,4})mb)?", re.IGNORECASE)
HUGE_MEGABYTES = 48
VOICES = {"balanced": "{}", "punchy": "{}!", "educational": "What to learn: {}"}


@dataclass(frozen=True, slots=True)
class Sample:
    """A recording that was transcribed."""

    id: int
    name: str
    seconds: float

    def asks_for(self, word: str) -> bool:
        """Return whether the recording's name contains a word."""
        return word in self.name.lower()

    @property
    def huge_bytes(self) -> int | None:
        """How large its first stem is; None if it is not to be huge."""
        found = HUGE.search(self.name)
        return None if found is None else int(found[1] or HUGE_MEGABYTES) * 1024**2

    def chance(self, what: str) -> random.Random:
        """Return the random numbers for one part of the recording: always the same for the same part."""
        return random.Random(f"{self.id} {what}")  # noqa: S311 - made-up words, no secret


class Runs:
    """How often each account had each recording worked on."""

    def __init__(self) -> None:
        self._runs: Counter[tuple[str, str]] = Counter()

    def fails(self, account: str, name: str) -> bool:
        """Count a run. Return whether it fails: each one of `fail`, the first one of `fail-once`."""
        self._runs[account, name] += 1
        word = name.lower()
        return "fail" in word and ("fail-once" not in word or self._runs[account, name] == 1)


def named(name: str) -> Sample:
    """Return the recording with this name: always the same for the same name."""
    number = int.from_bytes(hashlib.sha256(name.encode(errors="replace")).digest()[:6])
    return Sample(number, name, probed_seconds(name))


def probed_seconds(name: str) -> int:
    """Return the length of the recording with this name, as if it had been probed."""
    return next((seconds for word, seconds in LONG_SECONDS.items() if word in name.lower()), DURATION_SECONDS)


def result(recording: Sample, include: Iterable[str] = SECTIONS, *, revision: int = 0) -> dict[str, Any]:
    """Return the wanted sections of a result, in the documented order."""
    wanted = set(include)
    parts = chapters(recording)
    made: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "segments": lambda: segments(recording),
        "chapters": lambda: parts,
        "sections": lambda: sections(parts),
        "qna": lambda: _questions(parts),
        "acts": lambda: _acts(parts),
        "posting_chapters": lambda: curated(recording, "balanced", revision),
    }
    return {name: make() for name, make in made.items() if name in wanted}


def chapters(recording: Sample) -> list[dict[str, Any]]:
    """Return the chapters: one for each six minutes, but at least 3 and at most 30."""
    if recording.asks_for("empty") or recording.asks_for("no-chapters"):
        return []
    chance = recording.chance("chapters")
    count = min(30, max(3, round(recording.seconds / 360)))
    step = 5.0 if recording.asks_for("close-chapters") else recording.seconds / count
    first = step / 2 if recording.asks_for("late-start") else 0.0
    starts = [first, *(round((number + chance.uniform(-0.2, 0.2)) * step, 2) for number in range(1, count))]
    ends = [*starts[1:], float(recording.seconds)]
    return [
        {"start_seconds": start, "end_seconds": end, "title": title, "summary": _sentence(chance)}
        for start, end, title in zip(starts, ends, _titles(chance, count), strict=True)
    ]


def curated(recording: Sample, style: str, revision: int) -> list[dict[str, Any]]:
    """Return the chapters in the words of one style. Each revision has other words."""
    chance = recording.chance(f"{style} {revision}")
    again = f" (take {revision + 1})" if revision else ""
    return [
        {
            "start_seconds": chapter["start_seconds"],
            "title": VOICES[style].format(chapter["title"]) + again,
            "shareability": round(chance.random(), 3),
        }
        for chapter in chapters(recording)
    ]


def segments(recording: Sample) -> list[dict[str, Any]]:
    """Return the segments, 5 to 15 seconds each."""
    if recording.asks_for("empty"):
        return []
    chance, named = recording.chance("segments"), not recording.asks_for("no-speakers")
    made: list[dict[str, Any]] = []
    at, speaker = 0.0, 0
    while at < recording.seconds:
        end = min(round(at + chance.uniform(5, 15), 2), float(recording.seconds))
        segment = {"start_seconds": at, "end_seconds": end, "text": _sentence(chance)}
        made.append(segment | ({"speaker": SPEAKERS[speaker]} if named else {}))
        if chance.random() < 0.3:  # noqa: PLR2004 - how often the other speaker takes over
            speaker = 1 - speaker
        at = end
    return made


def told_apart(heard: Iterable[dict[str, Any]], speakers: int, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return segments with other speakers: `speakers` are told apart, by name or as `Speaker 1`.

    With each change of the speaker the next one speaks.
    """
    called = names or [f"Speaker {number}" for number in range(1, speakers + 1)]
    made = list[dict[str, Any]]()
    turn, before = 0, None
    for segment in heard:
        who = segment.get("speaker")
        turn += before not in (None, who)
        before = who
        made.append(segment | ({} if who is None else {"speaker": called[turn % speakers]}))
    return made


def sections(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sections of the chapters: two for each chapter, more for a long chapter."""
    made: list[dict[str, Any]] = []
    for chapter in parts:
        length = chapter["end_seconds"] - chapter["start_seconds"]
        count = max(2, round(length / 180))
        made += [
            {
                "section_index": len(made) + part,
                "title": f"{chapter['title']} ({part + 1} of {count})",
                "summary": chapter["summary"],
                "start_seconds": round(chapter["start_seconds"] + part * length / count, 2),
            }
            for part in range(count)
        ]
    return made


def _titles(chance: random.Random, count: int) -> list[str]:
    """Return `count` different titles."""
    rounds = [chance.sample(TOPICS, len(TOPICS)) for _ in range(0, count, len(TOPICS))]
    titles = [f"{topic}, part {number}" if number > 1 else topic for number, r in enumerate(rounds, 1) for topic in r]
    return titles[:count]


def _questions(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "question": f"What is said about “{chapter['title']}”?",
            "answer": chapter["summary"],
            "citations": [{"start_seconds": chapter["start_seconds"]}],
        }
        for chapter in parts[:6]
    ]


def _acts(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the recording in three acts."""
    third = -(-len(parts) // 3) or 1
    return [
        {
            "title": f"Act {number}",
            "summary": acted[0]["summary"],
            "start_seconds": acted[0]["start_seconds"],
            "end_seconds": acted[-1]["end_seconds"],
        }
        for number, acted in enumerate((parts[at : at + third] for at in range(0, len(parts), third)), 1)
    ]


def _sentence(chance: random.Random) -> str:
    return " ".join(chance.choice(words) for words in (OPENINGS, SUBJECTS, VERBS, OBJECTS))
