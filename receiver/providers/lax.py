"""Read JSON that can be anything. Nothing here raises. Pure."""

import json
import math
from typing import Any


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is; an empty one if it is none."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def number(value: object) -> float | None:
    """Return a finite number, also from its digits; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
