"""The tokens of the simulated Timbr, and whose they are."""

import math
import time
from dataclasses import dataclass, field
from typing import Any

from receiver.sandbox import gate
from receiver.sandbox.chance import token
from receiver.sandbox.ground import Ground
from receiver.sandbox.knobs import TimbrKnobs
from receiver.sandbox.refusals import RefusalError

LIFE_SECONDS = 24 * 3600
PREFIX = "timbr_access_"  # what begins so is a token, anything else a key


@dataclass(frozen=True, slots=True)
class Token:
    """A token of an account; `expires` is a time of the clock on the wall."""

    text: str = field(repr=False)
    account: str
    expires: float


class Tokens:
    """The tokens of all accounts."""

    def __init__(self, ground: Ground, knobs: TimbrKnobs) -> None:
        self._ground = ground
        self._knobs = knobs
        self._by_text: dict[str, Token] = {}

    def issue(self, account: str) -> dict[str, Any]:
        """Issue a token, and return it as the provider shows it."""
        made = Token(PREFIX + token(self._ground.chance, 20), account, self._ground.deadline(LIFE_SECONDS))
        self._by_text[made.text] = made
        return self._shown(made)

    def listed(self, account: str) -> list[dict[str, Any]]:
        """Return the tokens of an account that have not expired."""
        return [self._shown(one) for one in self._by_text.values() if one.account == account and _lives(one)]

    def delete(self, account: str, texts: list[str]) -> int:
        """Delete tokens of an account. Return how many there were."""
        there = {text for text in texts if text in self._by_text and self._by_text[text].account == account}
        for text in there:
            del self._by_text[text]
        return len(there)

    def account(self, shown: str) -> str:
        """Return the account of a key or token.

        Raises:
            RefusalError: 401: the token has expired, was deleted, or never was.
        """
        if not shown.startswith(PREFIX):
            return gate.account(shown)
        found = self._by_text.get(shown)
        if found is None or not _lives(found):
            raise RefusalError(401, "invalid_token", "The token is invalid or has expired")
        return found.account

    def _shown(self, one: Token) -> dict[str, Any]:
        seconds = max(1, math.ceil(one.expires - time.time()))
        left = seconds * 1000 if self._knobs.expires_in == "ms" else seconds
        return {"access_token": one.text, "token_type": "Bearer", "expires_in": left}


def _lives(one: Token) -> bool:
    return one.expires > time.time()
