"""The routes: deliveries, liveness, readiness."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from receiver import signature
from receiver.database import Connection, Connections, migrations
from receiver.errors import ReceiverError, SignatureError
from receiver.events import AccountId
from receiver.handling import Handler
from receiver.health import Finding, checks, feeds, postgres, presence, report, resources, snapshots, telling
from receiver.health.captures import Captures
from receiver.health.counts import Counts, Series
from receiver.health.failures import Failures
from receiver.health.organs import Organs
from receiver.health.telling import BUDGET_USED, SPOOL_BYTES, SPOOL_SECONDS, Told
from receiver.inbox import jobs
from receiver.inbox.spool import Condition, Spool
from receiver.settings import CALLBACK_PATH, Account, webhook_path
from receiver.settings.accounts import set_up
from receiver.web import refusals
from receiver.web.doubting import Doubting
from receiver.web.reception import Reception, with_slash
from receiver.web.refusals import Refusals
from receiver.web.store import SERVICE, Deadlines, Store
from receiver.webhooks import secrets
from receiver.webhooks.keyring import Keyring
from receiver.webhooks.remembered import Remembered, RememberedDatabase
from receiver.webhooks.secrets import Known

log = logging.getLogger(__name__)

BETWEEN_NUDGES_SECONDS = 0.02
BETWEEN_CHECKS_SECONDS = 1.0
WITHOUT_WORKER = timedelta(seconds=5)  # jobs can wait this long without a finding: a worker might be starting


class Receiver:
    """The state behind the routes: the handlers, the secrets, and the answer path's own connections.

    `accounts` begins with the default one. Each has a webhook of its own. `accepts_old` says whether a signature can be
    of any age.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        spool: Spool,
        handlers: Mapping[str, Handler],
        accounts: Sequence[Account],
        url: str,
        deadlines: Deadlines = SERVICE,
        between_refusals: float = refusals.BETWEEN_SECONDS,
        accepts_old: bool = False,
    ) -> None:
        self.connections = connections
        self.handlers = handlers
        self.accounts = accounts
        self._deadlines = deadlines
        self._remembered = Remembered(spool.folder.configured, [account.id for account in accounts])
        database = RememberedDatabase(spool.folder.configured, url)
        self._keeping: asyncio.Task[None] | None = None
        self._doubting = Doubting(connections, seconds=deadlines.question)
        self.keyring = self._keyring(past=math.inf if accepts_old else signature.TOLERANCE_SECONDS)
        self._stored = asyncio.Event()
        self.counts = Counts()
        self.store = Store(
            connections=connections, spool=spool, database=database.recall(), address=database.address,
            handlers=handlers, stored=self._stored.set, met=database.keep, deadlines=deadlines,
        )  # fmt: skip
        self._failures = {account.id: Failures(account.mark) for account in accounts}
        self.refusals = Refusals(self.failures_of, self.counts, between=between_refusals)
        captures, counts = Captures(connections, seconds=deadlines.question), self.counts
        self.reception = Reception(
            self.keyring, self.store, self.refusals, self.failures_of, accounts, counts=counts, captures=captures
        )
        self._checking: asyncio.Task[list[Finding]] | None = None
        self._checked = 0.0
        self.more_findings: list[Callable[[], list[Finding]]] = []
        self.organs = Organs({
            "keyring": self.keyring.watch, "nudge": self.nudge_workers, "drain": self.store.keep_drained,
            "doubts": self._doubting.keep, "captures": captures.keep,
        })  # fmt: skip

    def _keyring(self, *, past: float) -> Keyring:
        known = self._remembered.recall()  # this finds out which are lost
        return Keyring(
            self.accounts, known, self._read_secrets, lost=self._remembered.lost, past=past,
            doubted=self._doubting.doubt,
        )  # fmt: skip

    async def nudge_workers(self) -> None:
        """Wake the workers for new jobs, once for many deliveries: a NOTIFY in each commit would serialise commits."""
        while True:
            await self._stored.wait()
            self._stored.clear()
            try:
                await self.connections.run(jobs.nudge, seconds=self._deadlines.question)
            except ReceiverError as exc:
                log.debug("workers were not nudged: %s", exc)
            await asyncio.sleep(BETWEEN_NUDGES_SECONDS)

    async def findings(self, *, trusted: bool) -> list[Finding]:
        """Return the findings of readiness; the confidential ones only for a trusted caller.

        Anyone can ask, and the questions use connections that deliveries need. So ask the database at most once a
        second.
        """
        if self._checking is None or time.monotonic() - self._checked > BETWEEN_CHECKS_SECONDS:
            self._checked = time.monotonic()
            self._checking = asyncio.create_task(self._check_database())
        return [*await asyncio.shield(self._checking), *await self.own_findings(trusted=trusted)]

    async def own_findings(self, *, trusted: bool) -> list[Finding]:
        """Return the findings about this process alone. The database is not asked."""
        return [
            await self.store.check(),
            *(failures.check(trusted=trusted) for failures in self._failures.values()),
            self.organs.finding(),
            *(finding for more in self.more_findings for finding in more()),
            *resources.findings(),
            self._secret(),
            Finding("handlers", holds=bool(self.handlers), seen=f"{len(self.handlers)} loaded"),
        ]

    async def told(self) -> Told:
        """Return what this process knows, for others to read."""
        findings = [one for one in await self.own_findings(trusted=True) if one.name != "secret" or self._is_forgetful]
        used = {
            Series(BUDGET_USED, (account.account,)): float(failures.in_a_row)
            for account, failures in self._failures.items()
        }
        return Told(used | ({} if self.store.looked is None else _gauges(self.store.looked)), findings)

    async def known(self) -> dict[str, Any]:
        """Return as JSON what this process has counted and what its gauges show. It is confidential: see `failures`."""
        return {"counts": self.counts.values(), "gauges": (await self.told()).to_json()["gauges"]}

    def failures_of(self, account: AccountId | None = None) -> Failures:
        """Return the count for an account's webhook; the default one's if nobody knows whose delivery was refused."""
        return self._failures[self.accounts[0].id if account is None else account]

    @property
    def _is_forgetful(self) -> bool:
        """Whether this process cannot keep the secrets on its disk. Which are known the database tells."""
        return self._remembered.trouble is not None

    def _secret(self) -> Finding:
        known, trouble = len(self.keyring.secrets), self._remembered.trouble
        expected = set_up(self.accounts)
        without = [account.name for account in expected if not self.keyring.secrets_of(account.id)]
        seen = (
            f"{known} known" if len(expected) == 1 or not without else f"{known} known, none for {', '.join(without)}"
        )
        todo = "" if trouble is None else f"a start without the database would know no secret, since {trouble}"
        return Finding("secret", holds=not without and trouble is None, seen=seen, todo=todo)

    async def _check_database(self) -> list[Finding]:
        try:
            return await self.connections.run(self._look, seconds=self._deadlines.question)
        except ReceiverError as exc:
            return [Finding("database", holds=False, seen=str(exc)), Finding("schema", holds=False, seen="unknown")]

    async def _look(self, connection: Connection) -> list[Finding]:
        unusable, schema = await migrations.why_unusable(connection), await postgres.usable(connection)
        findings = [Finding("database", holds=not unusable, seen=unusable or "ok"), schema]
        if schema.holds:
            api_url = self.accounts[0].api_url
            missing = await presence.missing_worker(
                connection, handlers=self.handlers, api_url=api_url, waiting=WITHOUT_WORKER
            )
            findings += [
                checks.worker(missing),
                checks.processes(await telling.processes(connection, api_url), trusted=False),
            ]
            findings += snapshots.advice(await snapshots.old(connection))
            for account in self.accounts:
                findings += await feeds.silent(connection, account, self.keyring.secrets_of(account.id))
        return findings

    def trusts(self, request: Request) -> bool:
        """Return whether the sender of a request knows a secret of a webhook."""
        keys = [signature.key_for_questions(secret) for secret in self.keyring.secrets if secret]
        try:
            signature.verify(request.headers.raw, b"", secrets=keys, now=time.time())
        except SignatureError:
            return False
        return True

    async def close(self) -> None:
        """Log the refusals that were not logged yet, and let the copy of the secrets be written, but not for long."""
        self.refusals.close()
        self._doubting.close()
        for failures in self._failures.values():
            failures.close()
        if self._keeping is not None:
            await asyncio.wait({self._keeping}, timeout=self._deadlines.question)

    async def _read_secrets(self, asked: Collection[str]) -> Known:
        def read(connection: Connection) -> Awaitable[Known]:
            return secrets.read(connection, [account.id for account in self.accounts], asked)

        known = await self.connections.run(read, seconds=self._deadlines.question)
        if self._keeping is None or self._keeping.done():  # in the background: the disk might be slow
            self._keeping = asyncio.create_task(self._remembered.keep(known))
        return known


def _gauges(spool: Condition) -> dict[Series, float]:
    age = 0.0 if spool.since is None else max(0.0, time.time() - spool.since)
    return {SPOOL_BYTES: float(spool.used), SPOOL_SECONDS: age}


def application(receiver: Receiver, further: Sequence[Route] = ()) -> Starlette:
    """Return the ASGI application of a receiver, with `further` routes that no delivery takes."""
    callbacks = f"{CALLBACK_PATH}/{{callback}}"
    app = Starlette(
        routes=[
            *(
                Route(path, _receive(receiver, account.id), methods=["POST"])
                for account in receiver.accounts
                for path in with_slash(webhook_path(account.name))
            ),
            *(Route(path, _receive(receiver, None), methods=["POST"]) for path in with_slash(callbacks)),
            Route("/healthz", _healthz),
            Route("/readyz", _readyz(receiver)),
            *further,
            Route("/openapi.json", _openapi),
        ],
        exception_handlers=receiver.refusals.answers,
    )
    app.router.redirect_slashes = False
    app.state.refused = receiver.refusals.count
    app.state.taking = receiver.reception
    return app


def _receive(receiver: Receiver, account: AccountId | None) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers deliveries to the webhook of an account; for None, to callbacks, whose path has a token."""

    async def receive(request: Request) -> Response:
        at = request.path_params["callback"] if account is None else account
        return await receiver.reception.receive(request, at)

    return receive


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _openapi(_: Request) -> Response:
    def made() -> bytes:
        from receiver.web import openapi  # noqa: PLC0415 - it needs much that deliveries do not

        return openapi.document()

    return Response(await asyncio.to_thread(made), media_type="application/json")  # no delivery waits meanwhile


def _readyz(receiver: Receiver) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(request: Request) -> Response:
        trusted = receiver.trusts(request)
        findings = await receiver.findings(trusted=trusted)
        status = 200 if all(finding.holds for finding in findings) else 503
        if request.query_params.get("format") == "json" or "application/json" in request.headers.get("accept", ""):
            return JSONResponse(report(findings) | (await receiver.known() if trusted else {}), status)
        lines = [f"{found.name}: {'ok' if found.holds else 'NOT OK'}, {found.said}\n" for found in findings]
        return PlainTextResponse("".join(lines), status)

    return readyz
