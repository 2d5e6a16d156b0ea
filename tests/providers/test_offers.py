"""`providers.offers`: what a model of options says of each of them."""

from typing import Any, Literal

import pytest
from pydantic import Field

from receiver.providers import SOURCES, offers
from receiver.providers.offers import Offered
from receiver.providers.orders import Wishes

# What the options of every source are described with. Whatever else a model says would be left out silently.
READ = {"type", "enum", "const", "items", "anyOf", "minimum", "maximum", "default"}
NOT_SHOWN = {"title", "minLength", "maxLength", "pattern", "description"}


class Wanted(Wishes):
    """Options of every kind."""

    num_speakers: int | None = Field(None, ge=1, le=20)
    threshold: float = Field(0.5, le=1)
    temperature: float | None = Field(None, ge=0)
    denoise: bool = False
    only: Literal["a"] | None = None
    levels: tuple[Literal["segment", "word"], ...] | None = None
    language: str
    rate: Literal[8000, 16000] = 8000


def offered() -> dict[str, Offered]:
    return {option.name: option for option in offers.options(Wanted)}


@pytest.mark.parametrize(
    ("name", "said", "default"),
    [
        ("num_speakers", "whole number from 1 to 20", None),
        ("threshold", "number up to 1", 0.5),
        ("temperature", "number from 0", None),
        ("denoise", "true or false", False),
        ("only", "one of a", None),
        ("levels", "one of segment, word; it can be repeated", None),
        ("language", "text", None),
        ("rate", "one of 8000, 16000", 8000),
    ],
)
def test_an_option_is_told_with_its_range_its_choices_and_its_default(name: str, said: str, default: Any) -> None:
    option = offered()[name]
    assert (option.said, option.default) == (said, default)


def test_what_is_required_comes_first() -> None:
    assert next(option.name for option in offers.options(Wanted)) == "language"
    assert [name for name, option in offered().items() if option.is_required] == ["language"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_nothing_that_a_model_says_is_left_out(source: Any) -> None:
    for kind in source.operations.values():
        for name, field in kind.model_json_schema().get("properties", {}).items():
            assert _keywords(field) <= READ | NOT_SHOWN, name
        assert all(option.type != "value" for option in offers.options(kind))


def test_the_offer_of_a_source_can_be_read_by_programs() -> None:
    told = {source.name: offers.to_json(source) for source in SOURCES}
    assert told["thunderscribe"]["limits"] == {"most_bytes": 5 * 1024**3, "most_seconds": 7200}
    assert told["openai"]["limits"] == {"most_bytes": None, "most_seconds": None}
    (language,) = [one for one in told["thunderscribe"]["operations"]["transcription"] if one["name"] == "language"]
    assert language["is_required"]
    assert told["openai"]["needed"] == "OPENAI_API_URL"


def _keywords(field: dict[str, Any]) -> set[str]:
    inner = [*field.get("anyOf", ()), *([field["items"]] if "items" in field else ())]
    return {*field}.union(*map(_keywords, inner))
