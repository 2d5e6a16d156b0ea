"""Transcripts in our common shape, and the texts that are made of them. Pure.

model.Transcript ◀─▶ subtitles: SRT, WebVTT, of cues: those that people can read, or as the source has cut them
                 └─▶ documents: Markdown, chapters of Podcasting 2.0, JSON; and every format by its name

cues: cut a transcript into cues     moments: when each place of a text is spoken     lines: where a text can be broken
"""

from receiver.transcripts.model import (
    Chapter,
    QnA,
    Section,
    Segment,
    Timestamps,
    Transcript,
    Word,
)

__all__ = [
    "Chapter",
    "QnA",
    "Section",
    "Segment",
    "Timestamps",
    "Transcript",
    "Word",
]
