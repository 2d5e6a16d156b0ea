"""Receive a delivery: verify it, make it durable, answer. There are two ways, and the same steps decide on both.

    server ──a whole, ordinary delivery──▶ take ──▶ prove ──────────▶ store.commit ──▶ answer
       │                                    │                             ▲
       │                                    └──not yet──▶ prove_later ────┴──refused──▶ answer
       └──everything else──▶ Starlette ──▶ receive ──▶ verify ──▶ store.commit ──▶ store.save ──▶ answer

`take` is called by the server's protocol, without a task: Starlette, uvicorn's cycle and a task for each request were
45 % of the web process's time. It accepts and refuses what `receive` would. On both ways, what the database does not
store goes to `store.save`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from receiver import events, providers
from receiver.errors import DeliveryTimeoutError, RequestError
from receiver.events import AccountId, Event
from receiver.failpoints import Failpoint, reach
from receiver.health.captures import Captures
from receiver.health.counts import ANSWER_SECONDS, DELIVERIES, Counts
from receiver.health.failures import Failures
from receiver.inbox.deliveries import Delivery, Status
from receiver.logs import traces
from receiver.logs.traces import Arrival, Span
from receiver.server import Answer, Ordinary, Rank
from receiver.settings import CALLBACK_PATH, Account, webhook_path
from receiver.web import body
from receiver.web.refusals import Refusals, client_of
from receiver.web.store import Kept, Store
from receiver.webhooks.keyring import TOKEN, Keyring, Proven, Unproven

log = logging.getLogger(__name__)

ANSWERS: dict[Kept, Response] = {
    status: JSONResponse({"status": status}) for status in ("stored", "duplicate", "quarantined")
}
ANSWERS["spooled"] = ANSWERS["stored"]  # it is as good


class Taken(NamedTuple):
    """A delivery that was taken, and whose sender waits: for whom it is, from where, what answers it, since when."""

    delivery: Delivery
    account: AccountId
    client: str | None
    answer: Answer
    began: float


class Reception:
    """What receives the deliveries of some accounts.

    Args:
        keyring: the secrets that verify.
        store: makes deliveries durable.
        refusals: counts what is refused.
        failures: returns what counts the deliveries of an account as the provider does.
        accounts: each has a webhook of its own.
        counts: what this process counts.
        captures: keeps refused deliveries for a diagnosis.
    """

    most = body.BODY_BYTES

    def __init__(
        self,
        keyring: Keyring,
        store: Store,
        refusals: Refusals,
        failures: Callable[[AccountId], Failures],
        accounts: Sequence[Account],
        *,
        counts: Counts,
        captures: Captures,
    ) -> None:
        self._keyring = keyring
        self._store = store
        self._refusals = refusals
        self._failures = failures
        self._counts = counts
        self._captures = captures
        self._webhooks = {
            path.encode(): account.id for account in accounts for path in with_slash(webhook_path(account.name))
        }
        self._names = {account.id: account.name for account in accounts}
        self._saving = set[asyncio.Task[None]]()

    async def receive(self, request: Request, at: AccountId | str) -> Response:
        """Answer a delivery to the webhook of an account, or to the callback with the token `at`.

        Raises:
            RequestError: it is refused.
        """
        request.state.account = _account(at)
        came = traces.arrival(request.headers.raw)
        raw = await body.read(request)
        began = time.perf_counter()
        try:
            proven = await self._keyring.verify(request.headers.raw, raw, at)
        except RequestError as exc:
            self._captures.note(exc, at, request.headers.raw, raw, client_of(request))
            raise
        request.state.authentic = True  # from now on its connection is served before others
        request.state.account = proven.account
        delivery, span = self._traced(self._read(proven, raw), proven, came)
        with _until_answered(span):
            status = await self._store.save(delivery, self._store.commit(delivery))
            return self._stored(proven.account, status, began)

    def at(self, target: bytes) -> AccountId | str | None:
        """Return the account whose webhook a target is, or the token of a callback; None if it is neither."""
        account = self._webhooks.get(target)
        if account is not None:
            return account
        path, _, token = target.decode("ascii").removesuffix("/").rpartition("/")
        return token if path == CALLBACK_PATH and TOKEN.fullmatch(token) else None

    def take(self, at: AccountId | str, head: Ordinary, raw: bytes, client: str | None, answer: Answer) -> None:
        """Take or refuse a delivery, and call `answer` later, once."""
        came, began = traces.arrival(head.headers), time.perf_counter()
        found = self._keyring.prove(head.headers, raw, at)
        if isinstance(found, Unproven):  # a secret that is not known here yet might prove it
            self._begin(self._prove(found, client, answer, came, began))
        else:
            self._commit(self._taken(found, raw, client, answer, came=came, began=began))

    def refuse_late(self, at: AccountId | str, client: str | None) -> Response:
        """Return the answer to a delivery whose body has not come whole in time."""
        return self._refusals.answer(DeliveryTimeoutError(), client, _account(at))

    def _taken(
        self, proven: Proven, raw: bytes, client: str | None, answer: Answer, *, came: Arrival | None, began: float
    ) -> Taken:
        delivery, span = self._traced(self._read(proven, raw), proven, came)
        ending = answer if span is None else partial(_answer, span, answer)
        return Taken(delivery, proven.account, client, ending, began)

    def _traced(self, delivery: Delivery, proven: Proven, came: Arrival | None) -> tuple[Delivery, Span | None]:
        """Return a delivery with the name of its span, and the span if it has one."""
        if came is None:
            return delivery, None
        account, content = proven.account, delivery.content
        route = webhook_path(self._names[account]) if proven.callback_for is None else f"{CALLBACK_PATH}/{{token}}"
        span = came.delivery(route, {
            "receiver.source": account.source, "receiver.account": account.account, "receiver.event": content.id,
            "receiver.type": content.type if isinstance(content, Event) else None,
        })  # fmt: skip
        return delivery if span is None else replace(delivery, traceparent=span.traceparent()), span

    def _read(self, proven: Proven, raw: bytes) -> Delivery:
        reach(Failpoint.AFTER_VERIFY)
        content = providers.read(proven.account.source, raw)
        if proven.callback_for is not None:
            content = events.about(content, proven.callback_for)
        return self._store.delivery(content, proven)

    async def _prove(
        self, unproven: Unproven, client: str | None, answer: Answer, came: Arrival | None, began: float
    ) -> None:
        account = _account(unproven.at)
        try:
            proven = await self._keyring.prove_later(unproven)
            self._commit(self._taken(proven, unproven.body, client, answer, came=came, began=began))
        except Exception as exc:  # noqa: BLE001 - whoever has sent it waits for an answer
            answer(self._refused(exc, client, account), Rank.OTHER)
            self._captures.note(exc, unproven.at, unproven.headers, unproven.body, client)

    def _commit(self, taken: Taken) -> None:
        tried = self._store.commit(taken.delivery)
        if tried is None:
            self._begin(self._save(taken, None))
        else:
            tried.add_done_callback(partial(self._end, taken))

    def _end(self, taken: Taken, tried: "asyncio.Future[Status]") -> None:
        """Answer a delivery that was taken, or let it be spooled."""
        if not tried.cancelled() and tried.exception() is None:
            taken.answer(self._stored(taken.account, tried.result(), taken.began), Rank.KNOWN)
        else:
            self._begin(self._save(taken, tried))

    def _begin(self, saving: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(saving)
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def _save(self, taken: Taken, tried: "asyncio.Future[Status] | None") -> None:
        try:
            response = self._stored(taken.account, await self._store.save(taken.delivery, tried), taken.began)
        except Exception as exc:  # noqa: BLE001 - whoever has sent it waits for an answer
            response = self._refused(exc, taken.client, taken.account)
        taken.answer(response, Rank.KNOWN)

    def _refused(self, error: Exception, client: str | None, account: AccountId | None) -> Response:
        if not isinstance(error, RequestError):
            log.error("a bug in receiver", exc_info=error)
        return self._refusals.answer(error, client, account)

    def _stored(self, account: AccountId, status: Kept, began: float) -> Response:
        self._failures(account).taken()
        self._counts.add(DELIVERIES, account.account, status)
        self._counts.observe(ANSWER_SECONDS, time.perf_counter() - began)
        return ANSWERS[status]


def _answer(span: Span, answer: Answer, response: Response, rank: Rank) -> None:
    """Answer a delivery, then end its span."""
    answer(response, rank)
    span.answered(response.status_code, bad=500)
    span.end()


@contextmanager
def _until_answered(span: Span | None) -> Iterator[None]:
    status = 500
    try:
        yield
        status = 200
    except RequestError as exc:
        status = exc.status
        raise
    finally:
        if span is not None:
            span.answered(status, bad=500)
            span.end()


def _account(at: AccountId | str) -> AccountId | None:
    """Return the account whose webhook is meant; None for a callback, which does not say whose it is."""
    return at if isinstance(at, AccountId) else None


def with_slash(path: str) -> tuple[str, str]:
    """Return a path without and with a final slash. The provider might not follow a redirect from one to the other."""
    return path, f"{path}/"
