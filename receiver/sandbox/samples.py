"""What a finished transcription holds: a made-up podcast of an hour, the same for the same id."""

import random
from typing import Any

STYLES = ("balanced", "punchy")
WITHOUT_STYLE = ("show_notes", "original")
MODEL = "sandbox"

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

CONSTRAINTS: dict[str, dict[str, Any]] = {
    "youtube": {"maxChars": 5000, "minChapters": 3, "minSpacingSeconds": 10, "titleCap": 100, "label": "YouTube"},
    "spotify": {"maxChars": 4000, "minChapters": 3, "minSpacingSeconds": 30, "titleCap": 40, "label": "Spotify"},
    "apple_podcasts": {
        "maxChars": 4000,
        "minChapters": 3,
        "minSpacingSeconds": 30,
        "titleCap": 60,
        "label": "Apple Podcasts",
    },
    "markdown": {"maxChars": 20000, "minChapters": 1, "minSpacingSeconds": 0, "titleCap": 120, "label": "Markdown"},
    "clip_ideas": {"maxChars": 5000, "minChapters": 3, "minSpacingSeconds": 10, "titleCap": 100, "label": "Clip ideas"},
    "show_notes": {"maxChars": 20000, "minChapters": 1, "minSpacingSeconds": 0, "titleCap": 200, "label": "Show notes"},
    "original": {"maxChars": 20000, "minChapters": 1, "minSpacingSeconds": 0, "titleCap": 200, "label": "Original"},
}


def result(transcription_id: int) -> dict[str, Any]:
    """Return the body of `/result`."""
    chance = random.Random(transcription_id)  # noqa: S311 - made-up words, no secret
    chapters = _chapters(chance)
    return {
        "id": transcription_id,
        "status": "completed",
        "segments": _segments(chance, chapters),
        "chapters": chapters,
        "sections": _sections(chapters),
        "qna": [
            {
                "question": f"What is said about “{chapter['title']}”?",
                "answer": chapter["summary"],
                "citations": [{"start_seconds": chapter["start_seconds"]}],
            }
            for chapter in chapters[:6]
        ],
    }


def timestamps(transcription_id: int, name: str, style: str) -> dict[str, Any]:
    """Return the body of `/timestamps` in a format."""
    content = result(transcription_id)
    source = content["sections"] if name == "original" else content["chapters"]
    chosen = source[:3] if name == "clip_ideas" else source
    rules = CONSTRAINTS[name]
    titles = [item["title"][: rules["titleCap"]] for item in chosen]
    if style == "punchy" and name not in WITHOUT_STYLE:
        titles = [f"{title}!" for title in titles]
    rows = [(clock(item["start_seconds"]), title, item["summary"]) for item, title in zip(chosen, titles, strict=True)]
    match name:
        case "markdown":
            lines = [f"- **{at}** {title}" for at, title, _ in rows]
        case "show_notes":
            lines = [f"### {title} ({at})\n\n{summary}\n" for at, title, summary in rows]
        case _:
            lines = [f"{at} {title}" for at, title, _ in rows]
    text = "\n".join(lines)
    return {
        "format": name,
        "style": style,
        "text": text,
        "char_count": len(text),
        "items_used": len(rows),
        "items_total": len(source),
        "truncated": False,
        "ok_to_paste": len(text) <= rules["maxChars"] and len(rows) >= rules["minChapters"],
        "warnings": [],
        "constraints": {"firstMustBeZero": True, **rules},
        "source": {
            "kind": "posting_chapters",
            "generated_at": "2026-05-09T12:34:56Z",
            "model": MODEL,
            "regen_count": 0,
            "available_styles": list(STYLES),
        },
    }


def clock(seconds: float) -> str:
    """Return a moment as M:SS, or H:MM:SS from the first hour on."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def _chapters(chance: random.Random) -> list[dict[str, Any]]:
    topics = chance.sample(TOPICS, 10)
    starts = [0.0]
    for _ in topics[1:]:
        starts.append(round(starts[-1] + chance.uniform(240, 480), 2))
    ends = [*starts[1:], starts[-1] + 300.0]
    return [
        {"start_seconds": start, "end_seconds": end, "title": topic, "summary": _sentence(chance)}
        for start, end, topic in zip(starts, ends, topics, strict=True)
    ]


def _segments(chance: random.Random, chapters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    segments, at, speaker = [], 0.0, 0
    end_of_all = chapters[-1]["end_seconds"]
    while at < end_of_all:
        end = min(round(at + chance.uniform(5, 15), 2), end_of_all)
        text = _sentence(chance)
        segments.append({"start_seconds": at, "end_seconds": end, "text": text, "speaker": SPEAKERS[speaker]})
        if chance.random() < 0.3:  # noqa: PLR2004 - how often the other one takes over
            speaker = 1 - speaker
        at = end
    return segments


def _sections(chapters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    halves = [(c, part) for c in chapters for part in (0, 1)]
    return [
        {
            "section_index": number,
            "title": f"{chapter['title']} ({'beginning' if part == 0 else 'end'})",
            "summary": chapter["summary"],
            "start_seconds": round(
                chapter["start_seconds"] + part * (chapter["end_seconds"] - chapter["start_seconds"]) / 2, 2
            ),
        }
        for number, (chapter, part) in enumerate(halves)
    ]


def _sentence(chance: random.Random) -> str:
    return " ".join(chance.choice(words) for words in (OPENINGS, SUBJECTS, VERBS, OBJECTS))
