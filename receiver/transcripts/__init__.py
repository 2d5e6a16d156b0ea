"""Transcripts in our common shape, and the texts that are made of them. Pure.

model.Transcript ◀─▶ subtitles: SRT, WebVTT
                 └─▶ documents: Markdown, chapters of Podcasting 2.0, JSON; and every format by its name
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
