"""What a source offers: a class for each, with the source's own words behind values that every source shares.

a delivery ──▶ read ──▶ Event | Unreadable          a refusal of its API ──▶ refusal ──▶ ProviderError

a submission ──▶ check ──▶ upload ──▶ start ──▶ Answered ────────────────────────▶ transcript
                                        └─────▶ Accepted ──▶ look … look ──▶ Seen ──▶ transcript, files at links

To add a source:

1. Write a class of `Source` in a file of its own: the options with their ranges, `upload` if files are sent before,
   `start`, `transcript`, and its errors. A source whose answer is the result is written like `fishaudio`. One that
   works on by itself also has `look`, and `text_in` if the text is a file: `timbr_audio`. An answer of `start` is read
   under `refusals.carrying`, so that its bytes are kept if it names no work. A validator that raises `ValueError` gives
   a better sentence than a pattern. If the provider can, also write `find`, `work_id`, `estimate` and `balance`, and
   set `takes`, `uploads`, `synchronous`, `unit`, `repeats` and `heeds_ceiling`. So far `announces` is for transcribe.so
   alone.
2. Name its variables in `settings/accounts.py`, in `SOURCES` there, and the class in `SOURCES` of this package.
3. Write its twin in `sandbox/`: its state and its files (`state.py`), its mount (`app.py`), its line in `SIMULATED`
   (`cli/up/simulation.py`), its knobs (`knobs.py`, `cli/sandbox.py`), samples of required options
   (`cli/up/samples.py`).
4. If an operation has a new name, and brings a text or ends as another's event, add it to `WITH_TEXT` or `FAMILIES` in
   `submissions/announcing.py`.
5. Write its tests in `tests/providers/` and `tests/sandbox/`, and add it to `EVERY` in `tests/faults/submissions.py`:
   those runs prove that nothing is paid for twice. `test_readme.py`, `test_rooms.py`, `test_rules.py`,
   `cli/test_simulation.py` and `cli/test_samples.py` say what is still missing.

Commands, settings, `check`, retries, and the rules about money need nothing more.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

import httpx
from pydantic import SecretStr

from receiver import events, signature
from receiver.errors import ProviderError
from receiver.events import DEFAULT_ACCOUNT, Event, Unreadable
from receiver.providers import calls, egress
from receiver.providers.asked import Call
from receiver.providers.budget import Budget, OwnBudget
from receiver.providers.calls import Calls
from receiver.providers.orders import (
    Accepted,
    Answered,
    Candidate,
    KeepNotes,
    Limits,
    Media,
    Notes,
    Order,
    Seen,
    Sent,
    Uploaded,
    Wishes,
)
from receiver.providers.rate import Rate
from receiver.providers.tokens import Tokens
from receiver.settings import Account, accounts, addresses
from receiver.settings.accounts import Variables
from receiver.transcripts import Transcript


class Source(ABC):
    """Who sends events and answers requests. An object is the client for one key; the key is in no repr and no log.

    Args:
        api_url: such as `https://transcribe.so`, with or without the known end of its path.
        key: the API key; None makes every call raise `Unauthenticated`, unless the source needs none.
        account: the account's name, also for that error.
        retries: seconds to wait before each further try of what can be repeated, after a 5xx, a timeout or a lost
            connection. Empty in a job, because the job's own backoff retries; `RETRY_SECONDS` while a person waits.
        budget: keeps us under the requests a minute; by default a budget of this client alone.
        transport: sends the requests; by default the network.
        answer_bytes: the largest size of an answer.

    Attributes:
        name: what its events are named by, such as `transcribe.so`.
        variables: the names of its settings.
        api_path: what the path of every request begins with, such as `/api/v1`.
        operations: what can be asked of it, with the options of each. Empty if nothing can be submitted.
        unit: what `charged` and an estimate are counted in; empty if the provider names no price.
        takes: whether a recording can be a file, a URL, or both.
        uploads: whether a file is sent before the request that is paid for; if not, in that request.
        synchronous: whether `start` waits for the result.
        repeats: whether it repeats its answer to a request with the same key, for a day. So a lost answer is asked for
            again, and is not charged twice.
        announces: whether it sends the events of its works itself, by webhook or callback.
        heeds_ceiling: whether it refuses what costs more than an order's `max_charge`.
        limits: the largest recording that it takes.
    """

    name: ClassVar[str]
    variables: ClassVar[Variables]
    api_path: ClassVar[str]
    operations: ClassVar[Mapping[str, type[Wishes]]] = {}
    unit: ClassVar[str] = ""
    takes: ClassVar[frozenset[Literal["file", "url"]]] = frozenset({"file", "url"})
    uploads: ClassVar[bool] = True
    synchronous: ClassVar[bool] = False
    repeats: ClassVar[bool] = False
    announces: ClassVar[bool] = False
    heeds_ceiling: ClassVar[bool] = False
    limits: ClassVar[Limits] = Limits()

    def __init__(
        self,
        api_url: str,
        key: SecretStr | None,
        *,
        account: str = DEFAULT_ACCOUNT,
        retries: tuple[float, ...] = (),
        budget: Budget | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        answer_bytes: int = calls.ANSWER_BYTES,
    ) -> None:
        self.api_url = addresses.base(api_url, without=self.variables.api_path)
        self.account = account
        self.has_key = key is not None
        http = egress.client(
            base_url=f"{self.api_url}{self.api_path}/",
            follow_redirects=False,
            timeout=calls.SECONDS,
            transport=transport,
            headers={"Accept-Encoding": "gzip"},
        )
        patience = calls.PATIENCE_OF_A_PERSON if retries else calls.PATIENCE_IN_A_JOB
        self._calls = Calls(
            self.refusal, self.key_variable(account), http, key, retries, patience,
            budget or OwnBudget(Rate.of(accounts.REQUESTS_A_MINUTE)), answer_bytes=answer_bytes,
            needs_key=self.variables.needs_key,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.api_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._calls.http.aclose()

    @property
    def key_fingerprint(self) -> str:
        """The fingerprint of the key, which is not secret; empty without a key."""
        key = self._calls.key
        return "" if key is None else signature.fingerprint(key.get_secret_value().encode())

    def tell(self, heard: Callable[[Call], None]) -> None:
        """Let `heard` know of every request from now on."""
        self._calls = replace(self._calls, heard=heard)

    def low_priority(self) -> Self:
        """Return this client for work that can wait: live requests go first."""
        view = copy.copy(self)
        view._calls = replace(self._calls, live=False)  # noqa: SLF001 - a copy of this object
        return view

    @classmethod
    def of(cls, account: Account, *, retries: tuple[float, ...], budget: Budget, tokens: Tokens) -> Self:  # noqa: ARG003 - for sources that issue tokens
        """Return the client of an account. A source whose client needs more than address and key overrides this."""
        return cls(account.api_url, account.key, account=account.name, retries=retries, budget=budget)

    @classmethod
    def key_variable(cls, account: str) -> str:
        """Return the name of the variable that holds the key of an account."""
        return accounts.variable(cls.variables, accounts.KEY, account)

    @classmethod
    def read(cls, raw: bytes) -> Event | Unreadable:
        """Return the event in an authentic body, or say why there is none. Never raise.

        A source without webhooks has only the events that we write ourselves.
        """
        return events.read_own(cls.name, raw)

    @classmethod
    def read_item(cls, raw: bytes, event_id: str) -> Event | Unreadable:  # noqa: ARG003 - it announces nothing
        """Return the event of an end that a source which `announces` has not announced. `raw` is how it lists that."""
        return events.unreadable(cls.name, raw, f"this version reads no list of {cls.name}")

    @staticmethod
    @abstractmethod
    def refusal(status: int, headers: Mapping[str, str], body: bytes, key: str) -> ProviderError:
        """Return the error for an unsuccessful answer. Errors are shown, so `key` is removed from the answer's words.

        `body` is empty if it was too large for an error. `key` is empty if none was sent.
        """

    @classmethod
    def check(cls, operation: str, file: Media | None, seconds: float | None) -> None:  # noqa: ARG003 - all the same
        """Refuse what the provider would refuse, before anything is sent: too large, too long, a wrong format.

        `seconds` is the length if it is known; `file` is None for a URL.

        Raises:
            ImpossibleError: the message names the provider's limit.
        """
        cls.limits.require(cls.name, file, seconds)

    @classmethod
    def estimate(cls, operation: str, seconds: float | None) -> float | None:  # noqa: ARG003 - no price
        """Return what an order will cost, in `unit`; None if nothing tells."""
        return None

    async def upload(self, file: Media, notes: Notes, keep: KeepNotes, sent: Sent) -> Uploaded:
        """Send a file. It is free, and can be repeated.

        Args:
            file: the file.
            notes: what `keep` was last given for this file; empty the first time.
            keep: stores notes, so that an upload goes on after a crash. They can hold a ticket, so they are never shown
                or logged.
            sent: called with the number of bytes that have arrived.
        """
        raise NotImplementedError

    async def start(self, order: Order) -> Accepted | Answered:
        """Ask for work that is paid for. One request, and never a second.

        Raises:
            ProviderError: there is no usable answer. Its status and code tell whether work might have been done. What
                was answered is kept, if the error carries it (`refusals.carrying`).
        """
        raise NotImplementedError

    @property
    def per_look(self) -> int:
        """How many submissions one request can look at, as far as is known."""
        return 1

    async def look(self, ids: Sequence[str]) -> Mapping[str, Seen]:
        """Return what the provider says of at most `per_look` works, by their ids, without those that it does not know.

        An id can be what a person typed. One that cannot exist must not spoil the look at the others.

        What it says of other works can come along. It is free, and can be repeated.
        """
        raise NotImplementedError

    async def about(self, remote_id: str) -> Mapping[str, Any] | None:  # noqa: ARG002 - it announces nothing
        """Return what the events of a source that `announces` say of a work, as JSON; None for other sources."""
        return None

    @classmethod
    def work_id(cls, typed: str) -> str:
        """Return the id of a work as the provider writes it, from what a person has typed.

        Raises:
            ImpossibleError: no work can have this id.
        """
        return typed

    async def find(self, order: Order, since: datetime) -> Sequence[Candidate] | None:  # noqa: ARG002 - no list
        """Return the works that an order with a lost answer might have become; None if the provider lists none."""
        return None

    @classmethod
    def text_in(cls, operation: str, names: Collection[str]) -> str | None:  # noqa: ARG003 - a source without files
        """Return which of a result's files holds the text; None if no file does."""
        return None

    @classmethod
    def transcript(cls, operation: str, raw: bytes) -> Transcript:
        """Return the transcript in a result: in the answer of a synchronous source, else in the file `text_in` names.

        Raises:
            ProviderUnavailable: it cannot be read (code `malformed_answer`).
        """
        raise NotImplementedError

    async def balance(self) -> float | None:
        """Return what is left of the account's money, in `unit`; None if no free call tells."""
        return None
