"""The price of a recording: from the provider's quote, or calculated from its price list."""

import math
import secrets
from dataclasses import dataclass
from typing import Any

from receiver.errors import ImpossibleError
from receiver.providers import Recording, TranscribeSo
from receiver.providers.transcribe_so import QuoteAnswer, TranscriptionStatus
from receiver.providers.transcribe_so.prices import billed_minutes, price_usd


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a recording.

    Attributes:
        retail_usd: in US dollars.
        billed_minutes: None if the quote does not tell.
        pipeline_code: the model whose price in the list it is; None for a quote.
        quote: the provider's quote; None for a price by the list.
    """

    retail_usd: float
    billed_minutes: float | None
    pipeline_code: str | None = None
    quote: QuoteAnswer | None = None

    @property
    def said(self) -> str:
        """The price in words."""
        billed = self.billed_minutes
        minutes = "" if billed is None else f" for {billed:g} billed minute{'' if billed == 1 else 's'}"
        by_list = "" if self.pipeline_code is None else f", by the price list of {self.pipeline_code}"
        return f"{dollars(self.retail_usd, digits=4)}{minutes}{by_list}"

    def to_json(self) -> dict[str, Any]:
        """Return the provider's quote with all its fields, or else the price by the list."""
        if self.quote is not None:
            return self.quote.model_dump(mode="json")
        return {
            "retail_usd": self.retail_usd,
            "billed_minutes": self.billed_minutes,
            "pipeline_code": self.pipeline_code,
        }


async def of(provider: TranscribeSo, recording: Recording) -> Price:
    """Return the price of a URL or of an upload by the provider's quote, and that of a file by the list.

    Raises:
        ImpossibleError: the list has no price for the model.
    """
    is_file = recording.url is None and recording.upload_id is None
    return await (listed if is_file else quoted)(provider, recording)


async def quoted(provider: TranscribeSo, recording: Recording) -> Price:
    """Return the price by the provider's quote. A file must be uploaded before."""
    quote = await provider.quote(recording, idempotency_key=f"quote-{secrets.token_hex(16)}")
    return Price(quote.retail_usd, quote.billed_minutes, quote=quote)


async def listed(provider: TranscribeSo, recording: Recording, *, cheapest: bool = False) -> Price:
    """Return the price of a file by the list. If it names no model, use the first one, or the `cheapest`.

    Raises:
        ImpossibleError: the list has no price for the model.
    """
    found = await provider.pipelines()
    if cheapest:  # the provider does not say which model it would use, so this is the lowest price
        found.sort(key=lambda model: math.inf if model.retail_usd_per_min is None else model.retail_usd_per_min)
    wanted = [model for model in found if recording.pipeline_code in (None, model.code)]
    if not wanted or wanted[0].retail_usd_per_min is None:
        names = ", ".join(model.code for model in found)
        raise ImpossibleError(f"there is no price for {recording.pipeline_code}; the provider has {names}")
    seconds = recording.duration_seconds or 0
    return Price(price_usd(wanted[0].retail_usd_per_min, seconds), billed_minutes(seconds), wanted[0].code)


async def of_starting_again(provider: TranscribeSo, status: TranscriptionStatus) -> float | None:
    """Return the price of starting a transcription again, by the list, in US dollars.

    The provider quotes recordings only. None if the list has no price for the model, or the length is unknown: the full
    price is charged then too.
    """
    found = await provider.pipelines()
    price = next((model.retail_usd_per_min for model in found if model.code == status.pipeline_code), None)
    return None if price is None or status.duration_seconds is None else price_usd(price, status.duration_seconds)


def require_within(price_usd: float, most_usd: float) -> None:
    """Refuse a price that is not known to be within a ceiling.

    Raises:
        ImpossibleError: the price is above it.
    """
    if not price_usd <= most_usd:  # NaN is within no ceiling
        raise ImpossibleError(
            f"it would cost {dollars(price_usd, digits=4)}, more than the ceiling of ${most_usd:g}: nothing was "
            "submitted", code="above_ceiling",
        )  # fmt: skip


def dollars(amount: float | None, *, digits: int = 2) -> str:
    """Return an amount of US dollars; four digits if two would show zero."""
    if amount is None:
        return "unknown"
    return f"${amount:.{4 if 0 < amount < 0.01 else digits}f}"  # noqa: PLR2004 - less than a cent
