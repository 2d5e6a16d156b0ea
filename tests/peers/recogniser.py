"""A speech recogniser of other people's behind the API of OpenAI: pocketsphinx, whose wheel has an English model.

POST /v1/audio/transcriptions   a form with a WAV file, 16 bit, mono ──▶ verbose_json: segments with their words
"""

import email
import importlib
import io
import json
import wave
from http.server import ThreadingHTTPServer
from typing import Any

from tests.servers import Quiet

FRAMES_A_SECOND = 100
PAUSE_SECONDS = 0.3


class Recogniser(ThreadingHTTPServer):
    """The server. `asked` is how many recordings it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(Quiet):
    server: Recogniser

    def answer(self) -> None:
        kind = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        form = email.message_from_bytes(kind + self.body())
        (file,) = [part for part in form.walk() if part.get_filename()]
        self.server.asked += 1
        found = recognised(bytes(file.get_payload(decode=True)))
        self.say(200, json.dumps(found).encode(), Content_Type="application/json")


def recognised(recording: bytes) -> dict[str, Any]:
    """Return what is said in a WAV file, as OpenAI's API tells it."""
    with wave.open(io.BytesIO(recording)) as file:
        rate, frames = file.getframerate(), file.readframes(file.getnframes())
        seconds = file.getnframes() / rate
    decoder = importlib.import_module("pocketsphinx").Decoder(samprate=rate)
    decoder.start_utt()
    decoder.process_raw(frames, full_utt=True)
    decoder.end_utt()
    words = [
        {
            "word": one.word.partition("(")[0],
            "start": one.start_frame / FRAMES_A_SECOND,
            "end": (one.end_frame + 1) / FRAMES_A_SECOND,
        }
        for one in decoder.seg()
        if one.word[0] not in "<["  # silence and noise
    ]
    segments = [
        {"id": number, "start": some[0]["start"], "end": some[-1]["end"], "text": _text(some), "words": some}
        for number, some in enumerate(_phrases(words))
    ]
    return {
        "task": "transcribe", "language": "en", "duration": seconds, "text": _text(words), "segments": segments
    }  # fmt: skip


def _phrases(words: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the words, parted where nobody speaks."""
    found = list[list[dict[str, Any]]]()
    for word in words:
        if found and word["start"] - found[-1][-1]["end"] < PAUSE_SECONDS:
            found[-1].append(word)
        else:
            found.append([word])
    return found


def _text(words: list[dict[str, Any]]) -> str:
    return " ".join(word["word"] for word in words)
