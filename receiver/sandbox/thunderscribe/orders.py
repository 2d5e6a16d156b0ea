"""Read and check the parameters of a transcription. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from receiver.sandbox.refusals import RefusalError, refuse_any

FORMATS = ("text", "json", "verbose_json", "srt", "vtt")
MODELS = ("thunderscribe", "base")  # the table knows the first alone, the example sends the second
GRANULARITIES = ("segment", "word")
# requests and httpx send the first name for a list, the openai SDK the second.
LISTS = ("timestamp_granularities", "timestamp_granularities[]")
BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")
WHOLE = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for. `file_id` names an uploaded file; `speakers` is how many are told apart."""

    language: str
    response_format: str
    file_id: str | None
    words: bool
    diarization: bool
    split: bool
    speakers: int


def read(fields: Sequence[tuple[str, str]]) -> Order:
    """Return the parameters, checked. Unknown ones are ignored, as clients of OpenAI send some.

    Raises:
        RefusalError: 400: a parameter is missing or wrong.
    """
    given = dict(fields)
    levels = [value for name, value in fields if name in LISTS]
    response_format = given.get("response_format", FORMATS[0])
    temperature = given.get("temperature", "0")
    problems = {
        "language is required: a code such as en": not LANGUAGE.fullmatch(given.get("language", "")),
        f"model must be one of {', '.join(MODELS)}": given.get("model", MODELS[0]) not in MODELS,
        f"response_format must be one of {', '.join(FORMATS)}": response_format not in FORMATS,
        "temperature must be a number from 0.0 to 1.0": not _is_share(temperature),
        f"timestamp_granularities must be of {', '.join(GRANULARITIES)}": not {*levels} <= {*GRANULARITIES},
    }
    refuse_any(problems, wrong)
    return Order(
        given["language"], response_format, given.get("file_id") or None, "word" in levels,
        _boolean(given, "diarization", default=False), _boolean(given, "split_segments_by_speaker", default=True),
        _speakers(given),
    )  # fmt: skip


def wrong(message: str) -> RefusalError:
    """Return the refusal of a parameter."""
    return RefusalError(400, "Invalid request", message)


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def _boolean(given: dict[str, str], name: str, *, default: bool) -> bool:
    if name not in given:
        return default
    if given[name] not in BOOLEANS:
        raise wrong(f"{name} must be true or false")
    return BOOLEANS[given[name]]


def _speakers(given: dict[str, str]) -> int:
    """Return how many speakers are told apart: two, unless the parameters say otherwise."""
    number, least, most = (_whole(given, f"{which}_speakers") for which in ("num", "min", "max"))
    if least is not None and most is not None and least > most:
        raise wrong("min_speakers must not be more than max_speakers")
    return number or min(max(2, least or 1), most or 2**31)


def _whole(given: dict[str, str], name: str) -> int | None:
    if name not in given:
        return None
    if not WHOLE.fullmatch(given[name]):
        raise wrong(f"{name} must be a whole number from 1 on")
    return int(given[name])
