"""Write chapters in the format of a platform, by the platform's rules. Pure.

A chapter that starts too soon is left out, a long title is cut, and lines beyond the limit of characters are left out.
A warning reports the left-out chapters.
"""

from dataclasses import dataclass
from itertools import takewhile
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """A chapter or section; seconds from the start of the recording."""

    start_seconds: float
    title: str
    summary: str = ""
    shareability: float = 0.0


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a platform."""

    label: str
    max_chars: int
    min_chapters: int = 1
    first_must_be_zero: bool = False
    min_spacing_seconds: int = 0
    title_cap: int = 200

    def to_json(self) -> dict[str, Any]:
        """Return the rules in the provider's words."""
        return {
            "maxChars": self.max_chars,
            "minChapters": self.min_chapters,
            "firstMustBeZero": self.first_must_be_zero,
            "minSpacingSeconds": self.min_spacing_seconds,
            "titleCap": self.title_cap,
            "label": self.label,
        }


RULES = {
    "youtube": Rules("YouTube", 5000, 3, first_must_be_zero=True, min_spacing_seconds=10, title_cap=100),
    "spotify": Rules("Spotify", 4000, 3, first_must_be_zero=True, min_spacing_seconds=30, title_cap=40),
    "apple_podcasts": Rules("Apple Podcasts", 4000, 3, first_must_be_zero=True, min_spacing_seconds=30, title_cap=60),
    "markdown": Rules("Markdown", 20000, title_cap=120),
    "clip_ideas": Rules("Clip ideas", 5000, 3, min_spacing_seconds=10, title_cap=100),
    "show_notes": Rules("Show notes", 20000),
    "original": Rules("Original", 20000),
}
CLIPS = 3


def clock(seconds: float) -> str:
    """Return a time as M:SS, or as H:MM:SS from the first hour on."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def write(name: str, items: list[Item]) -> dict[str, Any]:
    """Return the text of a format, with counts and warnings about its items."""
    rules, warnings = RULES[name], list[str]()
    chosen = _most_shareable(items) if name == "clip_ideas" else items
    chosen = _spaced(_from_zero(chosen, rules, warnings), rules, warnings)
    lines = [_line(name, item, _cut(item.title, rules.title_cap)) for item in chosen]
    fitting = _fitting(lines, rules.max_chars)
    if len(fitting) < len(lines):
        warnings.append(f"Only {len(fitting)} of {len(lines)} chapters fit into {rules.max_chars} characters.")
    if len(fitting) < rules.min_chapters:
        warnings.append(f"{rules.label} needs at least {rules.min_chapters} chapters; there are {len(fitting)}.")
    text = "\n".join(fitting)
    return {
        "text": text,
        "char_count": len(text),
        "items_used": len(fitting),
        "items_total": len(items),
        "truncated": len(fitting) < len(lines),
        "ok_to_paste": len(fitting) >= rules.min_chapters,
        "warnings": warnings,
        "constraints": rules.to_json(),
    }


def _most_shareable(items: list[Item]) -> list[Item]:
    best = sorted(items, key=lambda item: item.shareability, reverse=True)[:CLIPS]
    return sorted(best, key=lambda item: item.start_seconds)


def _from_zero(items: list[Item], rules: Rules, warnings: list[str]) -> list[Item]:
    if not (items and rules.first_must_be_zero and int(items[0].start_seconds)):
        return items
    warnings.append(f"{rules.label} needs a chapter at 0:00; the first was moved there.")
    return [Item(0.0, items[0].title, items[0].summary), *items[1:]]


def _spaced(items: list[Item], rules: Rules, warnings: list[str]) -> list[Item]:
    """Leave out items that start too soon after the item before, measured in the whole seconds of the text."""
    kept: list[Item] = []
    for item in items:
        if not kept or int(item.start_seconds) - int(kept[-1].start_seconds) >= rules.min_spacing_seconds:
            kept.append(item)
    if len(kept) < len(items):
        left_out, spacing = len(items) - len(kept), rules.min_spacing_seconds
        warnings.append(f"{left_out} chapters less than {spacing} s after the one before were left out.")
    return kept


def _cut(title: str, cap: int) -> str:
    return title if len(title) <= cap else title[: cap - 1].rstrip() + "…"


def _fitting(lines: list[str], budget: int) -> list[str]:
    """Return the first lines that fit into the budget, together with the line ends between them."""
    used = 0
    ends = []
    for line in lines:
        used += len(line) + 1
        ends.append(used - 1)
    return [line for line, _ in takewhile(lambda pair: pair[1] <= budget, zip(lines, ends, strict=True))]


def _line(name: str, item: Item, title: str) -> str:
    at = clock(item.start_seconds)
    match name:
        case "markdown":
            return f"- **{at}** {title}"
        case "show_notes":
            return f"### {title} ({at})\n\n{item.summary}\n"
        case _:
            return f"{at} {title}"
