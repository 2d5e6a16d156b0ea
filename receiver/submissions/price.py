"""What a recording costs: by the provider's quote, or reckoned from its price list."""

import math
import secrets
from dataclasses import dataclass

from receiver.errors import ImpossibleError
from receiver.providers import Recording, TranscribeSo
from receiver.providers.transcribe_so import QuoteAnswer, TranscriptionStatus
from receiver.providers.transcribe_so.prices import billed_minutes, price_usd


@dataclass(frozen=True, slots=True)
class Price:
    """What a recording costs by the list, with one of the models."""

    retail_usd: float
    billed_minutes: float
    pipeline_code: str


async def quoted(provider: TranscribeSo, recording: Recording) -> QuoteAnswer:
    """Return what the provider would charge; of a file it has to have the upload."""
    return await provider.quote(recording, idempotency_key=f"quote-{secrets.token_hex(16)}")


async def listed(provider: TranscribeSo, recording: Recording, *, cheapest: bool = False) -> Price:
    """Return a file's price by the list; where no model is named, with the first one's, or else the `cheapest`.

    Raises:
        ImpossibleError: the list has no price for the model.
    """
    found = await provider.pipelines()
    if cheapest:  # which one the provider would take is not told, so this much it costs at least
        found.sort(key=lambda one: math.inf if one.retail_usd_per_min is None else one.retail_usd_per_min)
    wanted = [one for one in found if recording.pipeline_code in (None, one.code)]
    if not wanted or wanted[0].retail_usd_per_min is None:
        names = ", ".join(one.code for one in found)
        raise ImpossibleError(f"there is no price for {recording.pipeline_code}; the provider has {names}")
    seconds = recording.duration_seconds or 0
    return Price(price_usd(wanted[0].retail_usd_per_min, seconds), billed_minutes(seconds), wanted[0].code)


async def of_starting_again(provider: TranscribeSo, status: TranscriptionStatus) -> float | None:
    """Return by the list what it costs to start one again, in US dollars: the provider quotes recordings only.

    None where the list has no price for its model, or its length is not told: it is the full price then too.
    """
    code = (status.model_extra or {}).get("pipeline_code")
    price = next((one.retail_usd_per_min for one in await provider.pipelines() if one.code == code), None)
    return None if price is None or status.duration_seconds is None else price_usd(price, status.duration_seconds)


def require_within(price_usd: float, most_usd: float) -> None:
    """Do nothing where a price is not above a ceiling.

    Raises:
        ImpossibleError: it is.
    """
    if price_usd > most_usd:
        raise ImpossibleError(
            f"it would cost {dollars(price_usd, digits=4)}, more than --max-usd {most_usd:g}: nothing was submitted"
        )


def dollars(amount: float | None, *, digits: int = 2) -> str:
    """Return an amount of US dollars; four digits where two would say nothing."""
    if amount is None:
        return "not told"
    return f"${amount:.{4 if 0 < amount < 0.01 else digits}f}"  # noqa: PLR2004 - less than a cent
