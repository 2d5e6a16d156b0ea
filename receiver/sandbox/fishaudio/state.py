"""The state of the simulated fishaudio: credits, rate limits, and the work under way."""

import asyncio
import math
from collections import defaultdict

from receiver.sandbox.chance import token
from receiver.sandbox.ground import Ground
from receiver.sandbox.knobs import FishAudioKnobs
from receiver.sandbox.limit import Limits
from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.samples import Runs, Sample

CREDITS_A_MINUTE = 10


class SimulatedFishAudio:
    """The simulated provider.

    Attributes:
        credits: what each account has left; what work under way will cost is taken already.
    """

    def __init__(self, ground: Ground, knobs: FishAudioKnobs) -> None:
        self.ground = ground
        self.knobs = knobs
        self.limits = Limits(speed=ground.speed)
        self.runs = Runs()
        self.credits: defaultdict[str, float] = defaultdict(lambda: knobs.credits)

    def start(self, account: str, spoken: Sample) -> asyncio.Event:
        """Start to transcribe a recording. Return what is set when it is done and billed.

        Raises:
            RefusalError: 402 or 429, as the knob says: the account has not enough credits.
        """
        amount = price(spoken)
        left = self.credits[account]
        if left < amount:
            raise self._unpayable(left, amount)
        self.credits[account] -= amount
        work = token(self.ground.chance, 12)

        def bill() -> None:
            self.ground.bill(
                provider="fishaudio", account=account, operation="transcription", work=work, amount=amount,
                unit="credits",
            )  # fmt: skip

        return self.ground.work(spoken.seconds, bill)

    def _unpayable(self, left: float, amount: float) -> RefusalError:
        if self.knobs.no_credits == 402:  # noqa: PLR2004 - Payment Required
            return RefusalError(402, "", "Insufficient credits", remaining_quota=left, required_quota=amount)
        details = f"{amount} credits are required, {left:g} remain"
        return RefusalError(429, "insufficient_credits", "Insufficient credits", details=details)


def price(spoken: Sample) -> int:
    """Return what a recording costs, in credits; a minute that has begun counts."""
    return math.ceil(spoken.seconds / 60) * CREDITS_A_MINUTE
