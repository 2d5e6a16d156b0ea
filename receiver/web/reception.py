"""Receive a delivery: verify it, make it durable, answer. There are two ways, and the same steps decide on both.

    server ──a whole, ordinary delivery──▶ take ──▶ prove ──────────▶ store.commit ──▶ answer
       │                                    │                             ▲
       │                                    └──not yet──▶ prove_later ────┴──refused──▶ answer
       └──everything else──▶ Starlette ──▶ receive ──▶ verify ──▶ store.commit ──▶ store.save ──▶ answer

`take` is called by the server's protocol, without a task: Starlette, uvicorn's cycle and a task for each request were
45 % of the web process's time. It accepts and refuses what `receive` would.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from receiver import events, providers
from receiver.errors import DeliveryTimeoutError, RequestError
from receiver.events import AccountId
from receiver.failpoints import Failpoint, reach
from receiver.health.failures import Failures
from receiver.inbox.deliveries import Delivery, Status
from receiver.server import Answer, Ordinary, Rank
from receiver.settings import CALLBACK_PATH, Account, webhook_path
from receiver.web import body
from receiver.web.refusals import Refusals, internal_error
from receiver.web.store import Store
from receiver.webhooks.keyring import TOKEN, Keyring, Proven, Unproven

log = logging.getLogger(__name__)

ANSWERS: dict[Status, Response] = {
    status: JSONResponse({"status": status}) for status in ("stored", "duplicate", "quarantined")
}


class Reception:
    """What receives the deliveries of some accounts.

    Args:
        keyring: the secrets that verify.
        store: makes deliveries durable.
        refusals: counts what is refused.
        failures: returns what counts the deliveries of an account as the provider does.
        accounts: each has a webhook of its own.
    """

    most = body.BODY_BYTES

    def __init__(
        self,
        *,
        keyring: Keyring,
        store: Store,
        refusals: Refusals,
        failures: Callable[[AccountId], Failures],
        accounts: Sequence[Account],
    ) -> None:
        self._keyring = keyring
        self._store = store
        self._refusals = refusals
        self._failures = failures
        self._webhooks = {
            path.encode(): account.id for account in accounts for path in with_slash(webhook_path(account.name))
        }
        self._saving = set[asyncio.Task[None]]()

    async def receive(self, request: Request, at: AccountId | str) -> Response:
        """Answer a delivery to the webhook of an account, or to the callback with the token `at`.

        Raises:
            RequestError: it is refused.
        """
        request.state.account = _account(at)
        raw = await body.read(request)
        proven = await self._keyring.verify(request.headers.raw, raw, at)
        request.state.authentic = True  # from now on its connection is served before others
        request.state.account = proven.account
        delivery = self._read(proven, raw)
        return self._stored(proven, await self._store.save(delivery, self._store.commit(delivery)))

    def wants(self, target: bytes) -> bool:
        """Return whether a target is that of a webhook or a callback."""
        return self._at(target) is not None

    def take(self, head: Ordinary, raw: bytes, client: str | None, answer: Answer) -> None:
        """Take or refuse a delivery, and call `answer` later, once."""
        found = self._keyring.prove(head.headers, raw, self._of(head))
        if isinstance(found, Unproven):  # a secret that is not known here yet might prove it
            self._begin(self._prove(found, head, raw, client, answer))
        else:
            self._commit(found, raw, client, answer)

    def refuse_late(self, head: Ordinary, client: str | None) -> Response:
        """Return the answer to a delivery whose body has not come whole in time."""
        return self._refusals.refuse(DeliveryTimeoutError(), client, _account(self._of(head)))

    def _of(self, head: Ordinary) -> AccountId | str:
        at = self._at(head.target)
        assert at is not None, "it wants this target"
        return at

    def _at(self, target: bytes) -> AccountId | str | None:
        """Return the account whose webhook a target is, or the token of a callback."""
        account = self._webhooks.get(target)
        if account is not None:
            return account
        path, _, token = target.decode("ascii").removesuffix("/").rpartition("/")
        return token if path == CALLBACK_PATH and TOKEN.fullmatch(token) else None

    def _read(self, proven: Proven, raw: bytes) -> Delivery:
        reach(Failpoint.AFTER_VERIFY)
        content = providers.read(proven.account.source, raw)
        if proven.callback_for is not None:
            content = events.about(content, proven.callback_for)
        return self._store.delivery(content, proven)

    async def _prove(self, before: Unproven, head: Ordinary, raw: bytes, client: str | None, answer: Answer) -> None:
        at = self._of(head)
        try:
            proven = await self._keyring.prove_later(before, head.headers, raw, at)
            self._commit(proven, raw, client, answer)
        except Exception as exc:  # noqa: BLE001 - whoever has sent it waits for an answer
            answer(self._refused(exc, client, _account(at)), Rank.OTHER)

    def _commit(self, proven: Proven, raw: bytes, client: str | None, answer: Answer) -> None:
        delivery = self._read(proven, raw)
        tried = self._store.commit(delivery)
        if tried is None:
            self._begin(self._save(delivery, proven, client, answer, None))
        else:
            tried.add_done_callback(partial(self._end, delivery, proven, client, answer))

    def _end(
        self, delivery: Delivery, proven: Proven, client: str | None, answer: Answer, tried: "asyncio.Future[Status]"
    ) -> None:
        """Answer a delivery that was taken, or let it be spooled."""
        if not tried.cancelled() and tried.exception() is None:
            answer(self._stored(proven, tried.result()), Rank.KNOWN)
        else:
            self._begin(self._save(delivery, proven, client, answer, tried))

    def _begin(self, saving: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(saving)
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def _save(
        self, delivery: Delivery, proven: Proven, client: str | None, answer: Answer,
        tried: "asyncio.Future[Status] | None",
    ) -> None:  # fmt: skip
        try:
            response = self._stored(proven, await self._store.save(delivery, tried))
        except Exception as exc:  # noqa: BLE001 - whoever has sent it waits for an answer
            response = self._refused(exc, client, proven.account)
        answer(response, Rank.KNOWN)

    def _refused(self, error: Exception, client: str | None, account: AccountId | None) -> Response:
        if isinstance(error, RequestError):
            return self._refusals.refuse(error, client, account)
        log.error("a bug in receiver", exc_info=error)
        return internal_error()

    def _stored(self, proven: Proven, status: Status) -> Response:
        self._failures(proven.account).taken()
        return ANSWERS[status]


def _account(at: AccountId | str) -> AccountId | None:
    """Return the account whose webhook is meant; None for a callback, which does not say whose it is."""
    return at if isinstance(at, AccountId) else None


def with_slash(path: str) -> tuple[str, str]:
    """Return a path without and with a final slash. The provider might not follow a redirect from one to the other."""
    return path, f"{path}/"
