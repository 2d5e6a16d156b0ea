"""The front matter of a Markdown file, as Obsidian and Hugo read it. Pure."""

from datetime import datetime

from receiver import Event


def front_matter(event: Event, title: str, at: datetime | None) -> str:
    """Return what is known of a transcription, in YAML between two lines `---`.

    `at` is when it ended. This time is in UTC and names no zone, because only so both of them take it for one. The
    duration is in seconds.
    """
    about = event.transcription
    lines = [
        f"title: {_quoted(' '.join(title.split()))}",
        "" if at is None else f"date: {at:%Y-%m-%dT%H:%M:%S}",
        f"source: {_quoted(event.source)}",
        f"id: {_quoted(about.id or '')}",
        "" if about.duration_seconds is None else f"duration: {int(about.duration_seconds)}",
        f"language: {_quoted(about.language)}" if about.language else "",
    ]
    return "\n".join(["---", *filter(None, lines), "---", ""])


def _quoted(text: str) -> str:
    """Return a text in double quotes, with escapes for what is not printed: ends of lines and hidden marks.

    Templater, a plugin of Obsidian, runs what is between `<%` and `%>`, so `<` is escaped too.
    """
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(one: str) -> str:
    if one in '"\\':
        return f"\\{one}"
    if one.isprintable() and one != "<":
        return one
    return "" if "\ud800" <= one <= "\udfff" else f"\\U{ord(one):08x}"  # half a surrogate pair is no character
