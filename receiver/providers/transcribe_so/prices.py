"""The prices of transcribe.so: it bills in tenths of a minute, and rounds up. Pure.

Source: the reference bills 1234 s as 20.6 minutes, which cost $0.7457 at $0.0362 a minute.
"""

import math


def billed_minutes(seconds: float) -> float:
    """Return the minutes that a recording is billed for."""
    return math.ceil(round(seconds / 6, 6)) / 10


def price_usd(per_minute: float, seconds: float) -> float:
    """Return the price of a recording at a price per minute."""
    return round(billed_minutes(seconds) * per_minute, 4)
