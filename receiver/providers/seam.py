"""What a source offers: a class for each, with the source's own words behind values that every source shares.

a delivery ──▶ read ──▶ Event | Unreadable          a refusal of its API ──▶ refusal ──▶ ProviderError

An object of the class is the client of one account.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from receiver.errors import ProviderError
from receiver.events import Event, Unreadable
from receiver.settings import accounts
from receiver.settings.accounts import Variables


class Source(ABC):
    """Who sends events and answers requests.

    Attributes:
        name: what its events are named by, such as `transcribe.so`.
        variables: the names of its settings.
    """

    name: ClassVar[str]
    variables: ClassVar[Variables]

    @classmethod
    def key_variable(cls, account: str) -> str:
        """Return the name of the variable that holds the key of an account."""
        return accounts.variable(cls.variables, accounts.KEY, account)

    @staticmethod
    @abstractmethod
    def read(raw: bytes) -> Event | Unreadable:
        """Return the event in the body of an authentic delivery, or say why there is none. Never raise."""

    @staticmethod
    @abstractmethod
    def refusal(status: int, headers: Mapping[str, str], body: bytes, key: str) -> ProviderError:
        """Return the error for an unsuccessful answer. Errors are shown, so `key` is removed from the answer's words.

        `body` is empty if it was too large for an error. `key` is empty if none was sent.
        """
