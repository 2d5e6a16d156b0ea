"""`receiver.submissions.price`: what a recording costs, by the list and by the provider's own rule."""

import math
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from receiver.errors import ImpossibleError
from receiver.providers import Recording
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.providers.transcribe_so.prices import billed_minutes, price_usd
from receiver.sandbox.transcribe_so.pipelines import PIPELINES, SimulatedPipeline, price
from receiver.submissions.price import Price, dollars, listed, of, of_starting_again, require_within
from tests.providers.scripted import Provider

HOUR = Recording(source="upload", duration_seconds=3600)
LIST = (
    {"code": "unpriced"},
    {"code": "first", "retail_usd_per_min": 0.04},
    {"code": "low", "retail_usd_per_min": 0.01},
)


def listing(*pipelines: dict[str, Any]) -> Provider:
    return Provider(httpx.Response(200, json={"pipelines": pipelines}))


@given(st.floats(0.01, 400_000), st.sampled_from(list(PIPELINES.values())))
@example(98.8, PIPELINES["qwen3-asr-flash-filetrans"])
@example(1234, PIPELINES["qwen3-asr-flash-filetrans"])
@example(60.0000001, PIPELINES["voxtral-mini-transcribe"])
def test_what_a_file_is_reckoned_at_is_what_the_provider_charges(seconds: float, pipeline: SimulatedPipeline) -> None:
    """The rule bills every tenth of a minute that has begun."""
    charged = price(pipeline.code, seconds)
    assert (billed_minutes(seconds), price_usd(pipeline.per_minute, seconds)) == (charged.minutes, charged.usd)
    assert billed_minutes(seconds) * 60 >= seconds - 1e-5
    assert price_usd(0.0362, 1234) == 0.7457  # the example of the reference


async def test_where_no_model_is_named_it_is_the_first_ones_price_or_the_cheapest() -> None:
    async with listing(*LIST[1:]).client() as api:
        assert await listed(api, HOUR) == Price(2.4, 60.0, "first")
    async with listing(*LIST).client() as api:
        assert await listed(api, HOUR, cheapest=True) == Price(0.6, 60.0, "low")


@pytest.mark.parametrize("code", [None, "unpriced", "other"])
async def test_what_has_no_price_is_told_with_the_models_that_are_there(code: str | None) -> None:
    async with listing(*LIST).client() as api:
        with pytest.raises(ImpossibleError, match=f"no price for {code}; the provider has unpriced, first, low"):
            await listed(api, Recording(source="upload", duration_seconds=60, pipeline_code=code))


@pytest.mark.parametrize(
    ("about", "usd"),
    [
        ({"pipeline_code": "first", "duration_seconds": 3600}, 2.4),
        ({"pipeline_code": "first"}, None),
        ({"pipeline_code": "withdrawn", "duration_seconds": 60}, None),
        ({"duration_seconds": 60}, None),
    ],
)
async def test_a_price_of_starting_again_that_cannot_be_reckoned_is_not_made_up(
    about: dict[str, Any], usd: float | None
) -> None:
    async with listing(*LIST).client() as api:
        assert await of_starting_again(api, TranscriptionStatus(id=7, status="failed", **about)) == usd


def test_a_ceiling_may_be_reached_and_not_passed() -> None:
    require_within(2, 2)
    with pytest.raises(ImpossibleError, match=r"it would cost \$2.0001, more than the ceiling of \$2: nothing was"):
        require_within(2.0001, 2)
    with pytest.raises(ImpossibleError, match="more than the ceiling of"):
        require_within(math.nan, 2)


def test_less_than_a_cent_is_not_shown_as_nothing() -> None:
    assert [dollars(amount) for amount in (None, 0, 0.0036, 2.172)] == ["unknown", "$0.00", "$0.0036", "$2.17"]


async def test_a_file_is_priced_by_the_list_and_a_web_address_by_the_provider() -> None:
    """Both are one price; as JSON a quote keeps whatever the provider has said."""
    said = {"retail_usd": 2.1, "billed_minutes": 60.0, "transcription_id": 7, "source": "youtube"}
    provider = Provider(httpx.Response(200, json=said))
    async with provider.client() as api:
        quoted = await of(api, Recording(source="youtube", url="https://youtu.be/x"))
        assert await of(api, Recording(source="upload", upload_id="user/1", duration_seconds=60)) == quoted
    assert (quoted.retail_usd, quoted.billed_minutes, quoted.pipeline_code) == (2.1, 60.0, None)
    assert quoted.to_json() == said
    async with listing(*LIST[1:]).client() as api:
        listed_price = await of(api, HOUR)
    assert listed_price.to_json() == {"retail_usd": 2.4, "billed_minutes": 60.0, "pipeline_code": "first"}
