"""Read and check the parameters of a job. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from receiver.sandbox.refusals import RefusalError

LANGUAGE = re.compile(r"auto|[a-z]{2,3}(-[A-Za-z]{2,4})?")


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a parameter may be, in words and as a test, and its default."""

    default: Any
    said: str
    accepts: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: an operation on an uploaded file. `wishes` has every parameter but the file."""

    operation: str
    file_id: str
    wishes: Mapping[str, Any]


def _one_of(*values: str) -> Parameter:
    return Parameter(values[0], f"must be one of {', '.join(values)}", lambda value: value in values)


def _whole(least: int, most: int, default: int | None) -> Parameter:
    def accepts(value: object) -> bool:
        return (value is None and default is None) or (type(value) is int and least <= value <= most)

    return Parameter(default, f"must be a whole number from {least} to {most}", accepts)


def _share(most: int, default: float) -> Parameter:
    def accepts(value: object) -> bool:
        return type(value) in (int, float) and 0 <= value <= most  # type: ignore[operator] # it is a number

    return Parameter(default, f"must be a number from 0 to {most}", accepts)


def _switch(*, default: bool) -> Parameter:
    return Parameter(default, "must be true or false", lambda value: isinstance(value, bool))


OPERATIONS: dict[str, dict[str, Parameter]] = {
    "separate": {
        "separation_type": _one_of("dialogue-me", "dialogue-music-effect", "speech-nonlingual"),
        "sample_rate": _whole(8000, 192_000, 48_000),
        "bit_depth": _whole(8, 32, 16),
        "output_format": _one_of("wav"),
    },
    "enhance": {
        "denoise": _switch(default=True),
        "noise_reduction": _share(1, 0.5),
        "eq_preset": _one_of("balanced", "vocal", "bass_boost"),
        "compression": _switch(default=False),
        "normalize": _switch(default=True),
    },
    "diarize": {
        "num_speakers": _whole(1, 20, None),
        "language": Parameter(
            "auto", "must be auto or a code such as en",
            lambda value: isinstance(value, str) and LANGUAGE.fullmatch(value) is not None,
        ),
        "transcribe_model": _one_of("whisper"),
        "vad_type": _one_of("ten-vad"),
        "vad_threshold": _share(1, 0.5),
        "vad_min_speech_duration": _share(5, 0.1),
        "vad_min_silence_duration": _share(5, 0.1),
        "detect_gender": _switch(default=False),
        "input_srt_file_id": Parameter(
            None, "must be a string or null", lambda value: value is None or isinstance(value, str)
        ),
    },
}  # fmt: skip


def read(operation: str, body: dict[str, Any]) -> Order:
    """Return the parameters, checked. Unknown ones are ignored.

    Raises:
        RefusalError: 422: parameters are missing or wrong; its `detail` names each one.
    """
    known, file_id = OPERATIONS[operation], body.get("file_id")
    wishes = {name: body.get(name, parameter.default) for name, parameter in known.items()}
    wrong = {name: known[name].said for name, value in wishes.items() if not known[name].accepts(value)}
    if not isinstance(file_id, str) or not file_id:
        wrong = {"file_id": "must be the id of an uploaded file"} | wrong
    if wrong:
        raise invalid("body", wrong)
    return Order(operation, str(file_id), wishes)


def page(asked: Mapping[str, str], statuses: tuple[str, ...]) -> tuple[int, int, str | None]:
    """Return which page of the jobs is asked for, how many are on one, and of which status they are; None: of any.

    Raises:
        RefusalError: 422: a parameter is wrong.
    """
    number, size, status = asked.get("page", "1"), asked.get("page_size", "20"), asked.get("status")
    wrong = {
        "page": "" if _counts(number, 1_000_000) else "must be a whole number from 1 on",
        "page_size": "" if _counts(size, 100) else "must be a whole number from 1 to 100",
        "status": "" if status in (None, *statuses) else f"must be one of {', '.join(statuses)}",
    }
    if found := {name: said for name, said in wrong.items() if said}:
        raise invalid("query", found)
    return int(number), int(size), status


def invalid(place: str, wrong: Mapping[str, str]) -> RefusalError:
    """Return the refusal of parameters, each with what it must be; they are in the body or in the query."""
    detail = [{"type": "value_error", "loc": [place, name], "msg": f"{name} {said}"} for name, said in wrong.items()]
    return RefusalError(422, "validation_error", "Validation error", detail=detail)


def _counts(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most
