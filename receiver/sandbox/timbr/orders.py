"""Read and check the parameters of tokens and tasks. Pure."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from receiver.sandbox.gate import json_object
from receiver.sandbox.refusals import RefusalError, refuse_any

GRANTS = ("client_credentials",)
SOURCE_LANGUAGES = (
    "en", "ko", "ja", "zh", "ca", "cs", "da", "de", "el", "hu", "hi", "id", "it", "lv", "mk", "ms", "nl", "pl", "pt",
    "ro", "ru", "sr", "sl", "es", "sv", "th", "fr", "hr", "yue",
)  # fmt: skip
TARGET_LANGUAGES = (
    "en", "ko", "ja", "es", "zh", "de", "fr", "pt", "vi", "id", "ru", "hi", "ta", "hr", "el", "sv", "cs", "ro", "hu",
    "da", "fi", "ms", "sk",
)  # fmt: skip
BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
NUMBER_OF_SPEAKERS = re.compile(r"[0-9]")
GUESSED = 2  # how many speakers are told apart where their number is to be found out


@dataclass(frozen=True, slots=True)
class Transcription:
    """A transcription. `speakers` is how many are told apart, 0 for none; `named` gives them names."""

    operation: ClassVar = "transcription"
    speakers: int
    named: bool


@dataclass(frozen=True, slots=True)
class Translation:
    """A translation of subtitles into a language."""

    operation: ClassVar = "translation"
    target: str
    named: bool


@dataclass(frozen=True, slots=True)
class Separation:
    """A separation of a recording into stems."""

    operation: ClassVar = "separation"


Order = Transcription | Translation | Separation


def transcription(given: Mapping[str, str]) -> Transcription:
    """Return a transcription's parameters, checked.

    Raises:
        RefusalError: 400: a parameter is missing or wrong.
    """
    detects = _boolean(given, "detect_speakers")
    _boolean(given, "denoise_audio")
    number = given.get("speakers", "0")
    if not NUMBER_OF_SPEAKERS.fullmatch(number):
        raise wrong("speakers must be a whole number from 0 to 9")
    return Transcription((int(number) or GUESSED) if detects else 0, _boolean(given, "speaker_name", default=False))


def translation(given: Mapping[str, str]) -> Translation:
    """Return a translation's parameters, checked.

    Raises:
        RefusalError: 400: a parameter is missing or wrong.
    """
    for name, languages in (("source_language", SOURCE_LANGUAGES), ("target_language", TARGET_LANGUAGES)):
        if given.get(name) not in languages:
            raise wrong(f"{name} must be one of {', '.join(languages)}")
    return Translation(given["target_language"], _boolean(given, "speaker_name", default=False))


def separation(_: Mapping[str, str]) -> Separation:
    """Return a separation, which has no parameters."""
    return Separation()


def client(raw: bytes) -> tuple[str, bool]:
    """Return which client asks for a token, and whether it shows its secret.

    Raises:
        RefusalError: 400: a field is missing or wrong.
    """
    body = json_object(raw, wrong)
    client_id, secret = body.get("client_id"), body.get("client_secret")
    problems = {
        f"grant_type must be one of {', '.join(GRANTS)}": body.get("grant_type") not in GRANTS,
        "client_id must be a UUID": not _is_uuid(client_id),
        "client_secret must be a text that is not empty": secret is not None
        and not (isinstance(secret, str) and secret),
        "scope must be a text": not isinstance(body.get("scope", ""), str),
    }
    refuse_any(problems, wrong)
    return str(client_id), secret is not None


def unwanted(raw: bytes) -> list[str]:
    """Return the tokens that are to be deleted.

    Raises:
        RefusalError: 400: it is no list of texts.
    """
    tokens = json_object(raw, wrong).get("api_tokens")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise wrong("api_tokens must be a list of texts")
    return tokens


def wrong(message: str) -> RefusalError:
    """Return the refusal of a parameter."""
    return RefusalError(400, "invalid_parameter", message)


def _boolean(given: Mapping[str, str], name: str, *, default: bool | None = None) -> bool:
    """Return a parameter, which is required if it has no default."""
    if name not in given and default is not None:
        return default
    if given.get(name) not in BOOLEANS:
        raise wrong(f"{name} must be true or false")
    return BOOLEANS[given[name]]


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False
