"""Settings for every question that a provider's documentation leaves open, so that users can try each behaviour."""

from dataclasses import dataclass
from typing import Literal

SecondWebhook = Literal["replace", "409", "same"]
Digits = Literal[3, 0, 6, "offset"]
Tells = Literal["both", "list", "event", "neither"]


@dataclass(frozen=True, slots=True)
class ThunderScribeKnobs:
    """The behaviour of the simulated ThunderScribe where the documentation is silent or contradicts itself.

    Attributes:
        text: how `response_format=text` is answered: with the text alone, or with JSON that holds it.
        words: where the words are: in their segments, in a list of their own beside the segments, or in both.
        paths: the version in the path of a transcription: the other one does not exist.
        lost_pieces: whether a piece of an upload counts if a planned fault loses its answer.
        cut_seconds: after how many seconds of the provider's time a proxy answers 524 instead of it. The work goes on
            and is billed. None: never.
    """

    text: Literal["plain", "json"] = "plain"
    words: Literal["segments", "top", "both"] = "segments"
    paths: Literal["v3", "v1", "both"] = "v3"
    lost_pieces: Literal["appended", "dropped"] = "appended"
    cut_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class FishAudioKnobs:
    """The behaviour of the simulated fishaudio where the documentation is silent or contradicts itself.

    Attributes:
        no_credits: the status of what the account cannot pay: its example of an error says 402, its list of codes 429.
        segments: what `segments` has: text, start and end of each, nothing, or it is absent.
        duration: the unit of `duration`: seconds or milliseconds.
        profile: whether `GET /profile` tells what is left of the credits, as a sibling's documentation says.
        credits: how many credits each key has.
    """

    no_credits: Literal[402, 429] = 402
    segments: Literal["timed", "empty", "absent"] = "timed"
    duration: Literal["s", "ms"] = "s"
    profile: Literal["no", "yes"] = "no"
    credits: float = 100_000


@dataclass(frozen=True, slots=True)
class TimbrKnobs:
    """The behaviour of the simulated Timbr where the documentation is silent or contradicts itself.

    Attributes:
        status: the word for a task that is done; the other words go with it.
        errors: whether what an endpoint refuses is answered with status 200, or with a status of its own.
        links: whether the links of a task's files die after 60 seconds of the provider's time or never.
        expires_in: the unit in which the life of a token is told.
        first_bearer: whether a request for a token needs a key or token too, or a client's id and secret are enough.
    """

    status: Literal["completed", "done", "SUCCESS"] = "completed"
    errors: Literal["200", "4xx"] = "200"
    links: Literal["60s", "forever"] = "60s"
    expires_in: Literal["s", "ms"] = "s"
    first_bearer: Literal["required", "optional"] = "required"


@dataclass(frozen=True, slots=True)
class TimbrAudioKnobs:
    """The behaviour of the simulated Timbr audio API where the documentation is silent or contradicts itself.

    Attributes:
        upload_path: where a file is announced: its workflow has the first path, its table of parameters the second.
        list: whether `GET /v1/jobs` exists.
        names_file: whether a job says which file it is about.
        confirm: after how many seconds of the provider's time it knows a file that was sent.
        stems: the name of what is said in a separation into dialogue and the rest: its table has the first, its
            enumeration the second.
        result: whether the links of a job are a map by name, or a list of names and links.
        links: after how many seconds of the provider's time a link dies.
        credits: how many credits each key has.
    """

    upload_path: Literal["/v1/upload", "/v1/audio/upload"] = "/v1/upload"
    list: Literal["yes", "404"] = "yes"
    names_file: Literal["no", "yes"] = "no"
    confirm: Literal[0, 5] = 0
    stems: Literal["speech", "dialogue"] = "speech"
    result: Literal["map", "list"] = "map"
    links: Literal[60, "never"] = 60
    credits: float = 1_000_000


@dataclass(frozen=True, slots=True)
class Knobs:
    """The behaviour of the simulated providers: transcribe.so's here, every other provider's under its name.

    Attributes:
        second_webhook: the effect of a second registration with one key: replace the first webhook, answer 409, or
            answer the first webhook without its secret.
        retry_stamp: whether a retried delivery has a fresh `t` or that of its first attempt.
        stamp_age: how many seconds every `t` lies behind our clock.
        retry_id: whether a retried delivery keeps its event id.
        success: whether a success resets the count of failures in a row.
        test_events: whether a failed `webhook.test` counts as a failure.
        webhook_methods: whether `GET` and `DELETE /webhooks` exist; if not, the status of their answer.
        attempts: the most attempts for an event: five in total, or one and five retries.
        list_digits: how a list or `GET` writes a time: with so many digits behind the second, or with milliseconds
            and `+02:00`. An event writes the same instant with milliseconds and Z.
        completed_at: who tells when a transcription ended: list and `GET`, the event, both or neither. Who does not
            tell says null.
        wallet: the play money of each key, in USD, besides its monthly credit.
        thunderscribe: ThunderScribe's.
        fishaudio: fishaudio's.
        timbr: Timbr's.
        timbr_audio: those of the Timbr audio API.
    """

    second_webhook: SecondWebhook = "replace"
    retry_stamp: Literal["fresh", "first"] = "fresh"
    stamp_age: float = 0
    retry_id: Literal["same", "new"] = "same"
    success: Literal["resets", "keeps"] = "resets"
    test_events: Literal["count", "ignore"] = "count"
    webhook_methods: Literal["yes", "404", "405"] = "yes"
    attempts: Literal[5, 6] = 5
    list_digits: Digits = 3
    completed_at: Tells = "both"
    wallet: float = 97.55
    thunderscribe: ThunderScribeKnobs = ThunderScribeKnobs()
    fishaudio: FishAudioKnobs = FishAudioKnobs()
    timbr: TimbrKnobs = TimbrKnobs()
    timbr_audio: TimbrAudioKnobs = TimbrAudioKnobs()


DEFAULT = Knobs()
