"""What a stranger might write into titles, ids, errors and transcripts."""

import json
from collections.abc import Mapping, Sequence

MARKUP = "</title></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(1)>"
# A file name that ends in .exe, and looks as if it ended in .jpg; isolates and marks of direction.
BIDI = "\u202egpj.exe \u2066inside\u2069 \u200fmark \u061cmark"
TITLES: Mapping[str, str] = {
    "markup": MARKUP,
    "bidi": BIDI,
    "long": "x" * 10_000,
    "escapes": "a\\u0000b \\x00 %00 &#0; &lt;b&gt; \\0 \x1b[31m",
    "templates": "{{ 7 * 7 }} {% raw %} ${7*7} <%= 7 * 7 %>",
    "addresses": 'javascript:alert(1) //evil.test/ " onclick="alert(1)',
}
ID = 'evt_"><svg/onload=alert(1)>'
TRANSCRIPTION = 66_666
COMPLETED_AT = "2026-04-29T14:25:27.968Z"
# What would stand in the page if a title were taken for markup.
ELEMENTS: Sequence[str] = ("[onerror]", "[onload]", "[onclick]", "img[src=x]", 'a[href^="javascript:"]')


def event(name: str, title: str) -> bytes:
    """Return the body of an event with this title; the first one has a hostile id too."""
    number = TRANSCRIPTION + list(TITLES).index(name)
    about = {"id": number, "status": "completed", "title": title, "completed_at": COMPLETED_AT, "duration_seconds": 60}
    event_id = ID if number == TRANSCRIPTION else f"evt_hostile_{name}"
    return json.dumps({"id": event_id, "event": "transcription.completed", "data": {"transcription": about}}).encode()


def result(number: int) -> bytes:
    """Return the transcript of one of these events, as the provider would answer it."""
    texts = list(TITLES.values())
    return json.dumps({
        "id": number, "status": "completed",
        "segments": [
            {"start_seconds": 5.0 * n, "end_seconds": 5.0 * n + 5, "text": text, "speaker": MARKUP}
            for n, text in enumerate(texts)
        ],
        "chapters": [{"start_seconds": 5.0 * n, "title": text, "summary": text} for n, text in enumerate(texts)],
        "sections": [{"start_seconds": 0.0, "title": MARKUP, "summary": BIDI}],
        "qna": [{"question": text, "answer": text} for text in texts],
    }).encode()  # fmt: skip
