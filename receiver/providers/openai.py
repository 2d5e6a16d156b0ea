"""Any server that is compatible with OpenAI: the file goes with the request, and the answer is the transcript."""

from typing import Any, ClassVar, Self

from pydantic import SecretStr

from receiver.providers.budget import Budget
from receiver.providers.orders import Limits
from receiver.providers.seam import Source
from receiver.providers.thunderscribe import Speech, ThunderScribe
from receiver.providers.tokens import Tokens
from receiver.settings.accounts import OPENAI, Account


class Transcribe(Speech):
    """The options that OpenAI documents. Only with the brackets do all servers take a list."""

    levels_field: ClassVar[str] = "timestamp_granularities[]"

    language: str | None = None


class OpenAI(ThunderScribe):
    """The API of an OpenAI-compatible server, whose limits nobody knows."""

    name, variables, api_path = OPENAI.source, OPENAI, OPENAI.api_path
    operations: ClassVar = {"transcription": Transcribe}
    uploads = False
    limits = Limits()
    upload = Source.upload

    def __init__(self, api_url: str, key: SecretStr | None, **options: Any) -> None:
        super().__init__(api_url, key, **options)
        self._path = "audio/transcriptions"

    @classmethod
    def of(
        cls,
        account: Account,
        *,
        retries: tuple[float, ...],
        budget: Budget,
        tokens: Tokens,  # noqa: ARG003 - it issues none
    ) -> Self:
        """See `Source`."""
        return cls(account.api_url, account.key, account=account.name, retries=retries, budget=budget)
