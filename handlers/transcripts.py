"""Store finished transcripts as rows: segments, chapters, sections, questions and answers."""

import json

from receiver import Context, Event, Segment, handler, query

COLUMNS = (
    "source", "api_url", "transcription_id", "position", "start_seconds", "end_seconds", "speaker", "text", "words",
)  # fmt: skip


@handler("transcription.completed", timeout=120)
async def transcripts(event: Event, ctx: Context) -> None:
    """Replace the stored rows of this transcription, unless they are newer: after a retry there is a newer result."""
    transcript = await ctx.transcript()
    about = event.transcription
    subject = (event.source, ctx.account.api_url, about.id)
    async with ctx.completing() as tx:
        newest = await tx.fetchval(
            query("handlers/store_transcript"), *subject, about.completed_at or "", about.title, about.language,
            about.duration_seconds,
        )  # fmt: skip
        if newest is None:
            ctx.log.info("a newer result of transcription %s is already stored", about.id)
            return
        segments, chapters = transcript.segments, transcript.chapters
        await tx.copy_records_to_table(  # there can be twenty thousand: they are sent while they are made
            "segments", schema_name="receiver", columns=COLUMNS,
            records=(
                (*subject, position, s.start_seconds, s.end_seconds, s.speaker, s.text, _words(s))
                for position, s in enumerate(segments, start=1)
            ),
        )  # fmt: skip
        await tx.execute(
            query("handlers/store_chapters"), *subject,
            [c.start_seconds for c in chapters], [c.end_seconds for c in chapters],
            [c.title for c in chapters], [c.summary for c in chapters],
        )  # fmt: skip
        await tx.execute(
            query("handlers/store_sections"), *subject, [s.start_seconds for s in transcript.sections],
            [s.title for s in transcript.sections], [s.summary for s in transcript.sections],
        )  # fmt: skip
        await tx.execute(
            query("handlers/store_qna"),
            *subject,
            [q.question for q in transcript.qna],
            [q.answer for q in transcript.qna],
        )
    ctx.log.info("stored %s and %s", _many(len(segments), "segment"), _many(len(chapters), "chapter"))


def _words(segment: Segment) -> str | None:
    """Return the words of a segment as JSON; None if it has none."""
    if not segment.words:
        return None
    return json.dumps([
        {"start_seconds": w.start_seconds, "end_seconds": w.end_seconds, "text": w.text, "speaker": w.speaker}
        for w in segment.words
    ])  # fmt: skip


def _many(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
