"""Read a filter that a person has written as a line of words. Pure.

state:dead handler:crm title:"lecture 7" since:7d      4821      what is no such word: an id, or a part of the title
foo:bar                                                   no such name: a sentence says so
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, get_args

from receiver.events import is_pattern
from receiver.inbox.filters import LONGEST, EventState, Filter, length

NAMES = ("state", "handler", "type", "source", "account", "id", "title", "since")
CHARACTERS = 2000
MOST_WORDS = 10  # without a name: each can be an id, which is looked up
_NAME = r"[^\W\d_][\w-]*"
_WORD = re.compile(rf'(?:({_NAME}):(?!//))?(?:"([^"]*)(?:"|$)|(\S+))')
_IS_NAMED = re.compile(rf'"|{_NAME}:(?!//)\S')
_WRONG: Mapping[str, str] = {
    "state": f"is none: write one of {', '.join(get_args(EventState))}",
    "type": "is none: write transcription.failed, or a family: transcription.*",
    "since": f"is none: write a number and one of s, m, h, d, w, such as 7d or 12h; the longest is {LONGEST.days}d",
}


class Word(NamedTuple):
    """A word of the line: its name, which is empty for an id or a part of the title, and its value."""

    name: str
    value: str

    @property
    def written(self) -> str:
        """The word as it is written in a line."""
        value, quoted = self.value, self.value.replace('"', "")
        name = f"{self.name}:" if self.name else ""
        # A line would take it for a name, or not for the value of one.
        is_ambiguous = value.startswith("//") if name else _IS_NAMED.match(value)
        is_plain = bool(value) and not re.search(r'\s|^"', value) and not is_ambiguous
        return f"{name}{value}" if is_plain else f'{name}"{quoted}"'


@dataclass(frozen=True, slots=True)
class Asked:
    """What a line asks for.

    Attributes:
        filter: as far as the line could be read, without `texts`.
        texts: parts of the title, one of which can be an id.
        words: the words of the line, in its order.
        wrong: what could not be read, a sentence for each.
    """

    filter: Filter
    texts: tuple[str, ...]
    words: tuple[Word, ...]
    wrong: tuple[str, ...]

    @property
    def line(self) -> str:
        """The line, as it is written."""
        return line(self.words)

    def without(self, word: Word) -> str:
        """Return the line without one of its words."""
        return line(tuple(one for one in self.words if one != word))

    def with_word(self, word: Word) -> str:
        """Return the line with one more word, which takes the place of others of its name."""
        return line((*(one for one in self.words if one.name != word.name), word))

    @property
    def as_title(self) -> Filter:
        """The filter, with every text as a part of the title."""
        return replace(self.filter, words=self.texts)

    @property
    def as_ids(self) -> list[Filter]:
        """The filter with one text as an id and the others as parts of the title, for each of the texts."""
        return [
            replace(self.filter, about=text, words=self.texts[:place] + self.texts[place + 1 :])
            for place, text in enumerate(self.texts)
        ]


def line(words: tuple[Word, ...]) -> str:
    """Return words as a line."""
    return " ".join(word.written for word in words)


def read(text: str, *, sources: Collection[str]) -> Asked:
    """Read a line. `sources` are the names of the sources that there are."""
    text = text.replace("\0", " ")[:CHARACTERS]
    words = tuple(
        Word(found[1] or "", (found[3] if found[2] is None else found[2]).strip()) for found in _WORD.finditer(text)
    )
    return meant(words, sources=sources)


def meant(words: tuple[Word, ...], *, sources: Collection[str]) -> Asked:
    """Return what words ask for, whatever characters their values have."""
    free = tuple(dict.fromkeys(word.value for word in words if not word.name and word.value))
    values, wrong = dict[str, str](), list[str]()
    for word in words:
        if not word.name:
            continue
        if word.name not in NAMES:
            wrong.append(
                f'there is no {word.name}:; write "{word.name}:{word.value}" in quotes to look for it in titles'
            )
            continue
        if word.name in values:
            wrong.append(f"{word.name}: stands there more than once, and an event has only one")
        elif why := _why_not(word, sources):
            wrong.append(f"{word.written} {why}")
        values[word.name] = word.value
    if len(free) > MOST_WORDS:
        wrong.append(
            f"there are more than {MOST_WORDS} words without a name: put quotes around what stands side by side"
        )
        free = free[:MOST_WORDS]
    return _asked(values, free, words, wrong)


def _asked(values: Mapping[str, str], free: tuple[str, ...], words: tuple[Word, ...], wrong: list[str]) -> Asked:
    state = values.get("state")
    kind = values.get("type")
    found = Filter(
        about=values.get("id"), title=values.get("title"), type=None if kind == "*" else kind,
        source=values.get("source"), account=values.get("account"), handler=values.get("handler"),
        since=length(values.get("since", "")), state=next((one for one in get_args(EventState) if one == state), None),
    )  # fmt: skip
    if found.about is not None:
        found, free = replace(found, words=free), ()
    return Asked(found, free, words, (*wrong, *filter(None, [found.contradiction])))


def _why_not(word: Word, sources: Collection[str]) -> str:
    """Return what is wrong with a word; empty if nothing is."""
    if not word.value:
        return "says nothing: write what it is to be, such as state:dead"
    is_right = {
        "state": word.value in get_args(EventState),
        "type": is_pattern(word.value),
        "since": length(word.value) is not None,
        "source": word.value in sources,
    }
    if is_right.get(word.name, True):
        return ""
    return _WRONG.get(word.name, f"is none: write one of {', '.join(sources)}")
