"""List, issue and delete the tokens of an account of Timbr. A token is named by its fingerprint and is never shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from receiver import signature
from receiver.errors import ImpossibleError
from receiver.providers.timbr.client import Timbr

LONG_ENOUGH = 16  # the length of a token that is not guessed with the help of its end


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token without its text.

    Attributes:
        fingerprint: names it.
        last_four: its last four characters; empty if it is so short that they would tell too much.
        life: how long it lives.
    """

    fingerprint: str
    last_four: str
    life: timedelta

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `tokens --json` prints."""
        seconds = int(self.life.total_seconds())
        return {"fingerprint": self.fingerprint, "last_four": self.last_four, "expires_in_seconds": seconds}


async def listed(client: Timbr) -> list[IssuedToken]:
    """Return the tokens of the account."""
    return [_shown(found.access_token, found.life) for found in await client.tokens()]


async def issue(client: Timbr) -> IssuedToken:
    """Issue a token, which all processes send from now on.

    Raises:
        ImpossibleError: the account has no client.
    """
    issued = await client.renew_token()
    return _shown(issued.token, issued.life)


async def delete(client: Timbr, fingerprints: Sequence[str]) -> int:
    """Delete tokens by their fingerprints. Return how many there were.

    A process that still sends a deleted token gets the next one by itself.

    Raises:
        ImpossibleError: the account has no such token; nothing was deleted.
    """
    by_fingerprint = {_fingerprint(found.access_token): found.access_token for found in await client.tokens()}
    strange = [fingerprint for fingerprint in fingerprints if fingerprint not in by_fingerprint]
    if strange:
        raise ImpossibleError(
            f"there is no token {', '.join(strange)}; there are: {', '.join(by_fingerprint) or 'none'}"
        )
    return await client.delete_tokens([by_fingerprint[fingerprint] for fingerprint in fingerprints])


def _shown(token: SecretStr, life: timedelta) -> IssuedToken:
    text = token.get_secret_value()
    return IssuedToken(_fingerprint(token), text[-4:] if len(text) >= LONG_ENOUGH else "", life)


def _fingerprint(token: SecretStr) -> str:
    return signature.fingerprint(token.get_secret_value().encode())
