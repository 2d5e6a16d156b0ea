"""Ids and secrets: of a seed, or unpredictable."""

import random
import uuid


def token(chance: random.Random, size: int) -> str:
    """Return `size` random bytes as hex digits."""
    return chance.randbytes(size).hex()


def new_uuid(chance: random.Random) -> str:
    """Return a random UUID."""
    return str(uuid.UUID(bytes=chance.randbytes(16), version=4))
