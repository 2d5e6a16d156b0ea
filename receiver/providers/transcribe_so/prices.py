"""What transcribe.so bills: tenths of a minute, the last one begun counts whole. Pure.

Source: the reference bills 20.6 minutes for 1234 s, and $0.7457 for those at $0.0362 a minute.
"""

import math


def billed_minutes(seconds: float) -> float:
    """Return the minutes that a recording is billed for."""
    return math.ceil(round(seconds / 6, 6)) / 10


def price_usd(per_minute: float, seconds: float) -> float:
    """Return what a recording costs at a price a minute."""
    return round(billed_minutes(seconds) * per_minute, 4)
