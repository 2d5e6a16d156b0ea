"""The connection of a worker to NATS: made at first use, and shared by all its jobs.

The library's own way to reconnect is switched off. It keeps what could not be sent, and sends it whenever a server is
back, which can be long after the job was tried again. Here the next job connects. While the servers are away, one job
in `pause` seconds tries to, and the others fail at once, so that they do not take the lanes of all other handlers.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from receiver import Context, GiveUp, Retry, Stream, why

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js.api import StreamInfo

CLOSING_SECONDS = 1.0
MEMORY, ASYNC = "memory", "async"

# What a server says (`-ERR`, or of JetStream). Only these texts are repeated: another can hold what it has read.
SAID = (
    "authorization violation", "authentication timeout", "authentication expired", "authentication revoked",
    "permissions violation", "maximum connections exceeded", "maximum account active connections exceeded",
    "maximum payload violation", "maximum messages exceeded", "maximum messages per subject exceeded",
    "maximum bytes exceeded", "message size exceeds maximum allowed", "insufficient storage resources available",
    "insufficient resources", "stream not found", "stream is offline", "stream is sealed", "no suitable peers",
    "jetstream not enabled", "jetstream system temporarily unavailable", "secure connection - tls required",
    "stale connection", "slow consumer", "invalid subject", "parser error", "expected stream does not match",
)  # fmt: skip


class Link:
    """A connection to the servers of one stream, or none. It belongs to one event loop."""

    def __init__(self, *, seconds: float, pause: float, again: float, span: timedelta) -> None:
        """Connect nowhere yet.

        Args:
            seconds: how long each step can take: to connect, to examine the stream, to be acknowledged.
            pause: how many seconds after a failure nobody tries to connect.
            again: after how many seconds a stream is examined again one of whose servers was away.
            span: how long after the first try of a job its last one can be.
        """
        self._seconds = seconds
        self._pause = pause
        self._again = again
        self._span = span
        self._connecting = asyncio.Lock()
        self._client: Client | None = None
        self._holder: asyncio.Task[None] | None = None
        self._failed: tuple[float, str] | None = None  # when by the loop's clock, and why
        self._examine_at: float | None = None  # by the same clock, unless all of its servers were there

    async def send(self, stream: Stream, subject: str, body: bytes, *, key: str, ctx: Context) -> bool:
        """Publish a message, and return whether the stream had it already. It is acknowledged then.

        Raises:
            Retry: it is not acknowledged.
            GiveUp: the server never takes it.
        """
        import nats  # noqa: PLC0415 - only there with the extra
        from nats.js.errors import APIError, NoStreamResponseError  # noqa: PLC0415

        client = await self._connected(stream, ctx)
        if len(body) > client.max_payload:
            again = f"raise max_payload there, then `receiver replay --dead --handler {ctx.handler}`"
            raise GiveUp(f"it has {len(body)} bytes, and the server takes {client.max_payload}: {again}")
        try:
            answer = await client.jetstream().publish(
                subject, body, timeout=self._seconds, stream=stream.name, headers={"Nats-Msg-Id": key}
            )
        except NoStreamResponseError:
            raise Retry(f"no stream takes {subject}: {_how_to_add(stream)}") from None
        except APIError as exc:
            reason = _known(exc.description or "") or f"error {exc.err_code} (code {exc.code})"
            raise Retry(f"{stream.name} does not take {subject}: {reason}") from None
        except (nats.errors.Error, OSError) as exc:
            said = await self._heard(client)
            raise Retry(f"{stream.name} has not acknowledged {subject}: {_reason(exc)}{said}") from None
        return answer.duplicate is True

    async def close(self) -> None:
        """Close the connection, if there is one."""
        holder, self._client, self._holder = self._holder, None, None
        if holder is not None:
            holder.cancel()
            await asyncio.wait([holder])

    async def _connected(self, stream: Stream, ctx: Context) -> "Client":
        """Return a connection to a server that has the stream as it should be.

        Raises:
            Retry: there is none.
        """
        if self._client is not None and self._client.is_connected and not self._is_due():
            return self._client
        self._refuse_soon()
        async with self._connecting:
            kept = self._client if self._client is not None and self._client.is_connected else None
            if kept is not None and not self._is_due():  # another job was faster
                return kept
            self._refuse_soon()
            if kept is None:
                await self.close()
            try:
                client = await self._examined(kept, stream, ctx)
            except Retry as exc:
                self._fail(str(exc))
                raise
            if kept is None:
                self._client, self._holder = client, asyncio.create_task(_held(client))
            return client

    def _is_due(self) -> bool:
        return self._examine_at is not None and asyncio.get_running_loop().time() >= self._examine_at

    def _refuse_soon(self) -> None:
        """Raise the last failure again if it is not long ago."""
        if self._failed is not None and asyncio.get_running_loop().time() - self._failed[0] < self._pause:
            raise Retry(self._failed[1])

    def _fail(self, why: str) -> None:
        self._failed = asyncio.get_running_loop().time(), why

    async def _examined(self, kept: "Client | None", stream: Stream, ctx: Context) -> "Client":
        """Examine the stream with a connection that is kept, or with a new one, and return it.

        Raises:
            Retry: it cannot be used, and is closed.
        """
        import nats  # noqa: PLC0415 - only there with the extra

        client = kept or _made(stream)
        try:
            if kept is None:
                await self._connect(client, stream)
            self._examine_at = None
            async with asyncio.timeout(2 * self._seconds):
                await self._examine(client, stream, ctx)
        except BaseException as exc:  # a broken file of credentials can raise anything
            await _closed(client)
            if isinstance(exc, Retry) or not isinstance(exc, Exception):
                raise
            reason = _reason(exc)
            if stream.credentials is not None and not isinstance(exc, nats.errors.Error | OSError):
                reason = f"{stream.credentials} is not a file of credentials as `nsc` writes it ({reason})"
            raise Retry(f"no server of {stream.name} can be used: {reason}") from None
        return client

    async def _connect(self, client: "Client", stream: Stream) -> None:
        import nats  # noqa: PLC0415 - only there with the extra

        errors = list[Exception]()

        async def note(error: Exception) -> None:
            errors[:] = [error]

        given: dict[str, Any] = {"user": stream.user, "password": stream.password, "token": stream.token}
        if stream.credentials is not None:
            given["user_credentials"] = str(stream.credentials)
        try:
            async with asyncio.timeout(self._seconds):
                await client.connect(
                    list(stream.servers), name="receiver", allow_reconnect=False, max_reconnect_attempts=1,
                    reconnect_time_wait=0, pending_size=0, error_cb=note, **given,
                )  # fmt: skip
        except nats.errors.NoServersError as exc:
            raise (errors[-1] if errors else exc) from None

    async def _examine(self, client: "Client", stream: Stream, ctx: Context) -> None:
        """Look whether the stream is there, and what its acknowledgements mean.

        Raises:
            Retry: it is not there, or `monitor` demands more of it.
        """
        from nats.errors import TimeoutError as NoAnswerError  # noqa: PLC0415 - only there with the extra
        from nats.js.errors import NotFoundError  # noqa: PLC0415

        try:
            info = await client.jetstream(timeout=self._seconds).stream_info(stream.name)
        except NotFoundError:
            raise Retry(f"there is no stream {stream.name}: {_how_to_add(stream)}") from None
        except NoAnswerError:  # what this user may not ask is not answered
            info = None
        doubt = await self._doubt(info, stream, ctx)
        if doubt is not None and stream.monitors:
            raise Retry(f"nothing is published to {stream.name}: {doubt}")
        if doubt is not None:
            ctx.log.warning("what %s acknowledges can be lost when its machine fails: %s", stream.name, doubt)
        window = info.config.duplicate_window if info is not None else None
        if window is not None and window < self._span.total_seconds() and client is not self._client:
            hours = self._span.total_seconds() / 3600
            ctx.log.warning(
                "%s knows a repeat for %g s, and a job is tried for up to %.0f h, so an event can be there twice: "
                "`nats stream edit %s --dupe-window 48h`", stream.name, window, hours, stream.name,
            )  # fmt: skip

    async def _doubt(self, info: "StreamInfo | None", stream: Stream, ctx: Context) -> str | None:
        """Return why a message might not be on disk when it is acknowledged; None if it is."""
        if info is None:
            return f"the user may not ask about it ($JS.API.STREAM.INFO.{stream.name})"
        if info.config.storage == MEMORY:
            return "it is kept in memory"
        if info.config.persist_mode == ASYNC:
            return "it acknowledges before it writes (persist_mode: async)"
        syncs = dict([await self._told(monitor, ctx) for monitor in stream.monitors])
        cluster = info.cluster
        replicas = cluster.replicas or [] if cluster is not None else []
        copies = {cluster.leader if cluster is not None else None, *(peer.name for peer in replicas)}
        # A server that is away acknowledges nothing. When it is back, it is asked.
        away = {peer.name for peer in replicas if peer.current is False} - syncs.keys()
        self._examine_at = asyncio.get_running_loop().time() + self._again if away and stream.monitors else None
        doubted = {name for name in copies - away if name is None or not syncs.get(name)}
        if not doubted:
            return None
        names = ", ".join(sorted(name or "a server" for name in doubted))
        if not stream.monitors:
            return (
                f"a server syncs its disk every 2 minutes, unless sync_interval is `always` ({names}); monitor=… asks"
            )
        return f"{names} is not known to sync its disk before it acknowledges (sync_interval: always)"

    async def _told(self, monitor: str, ctx: Context) -> tuple[str, bool]:
        """Return the name of the server at a monitoring address, and whether it syncs each message."""
        with suppress(Exception):  # whatever answers there; then it is not known
            answer = await ctx.http.get(f"{monitor}/varz", timeout=self._seconds)
            told = answer.raise_for_status().json()
            return str(told["server_name"]), told["jetstream"]["config"].get("sync_always") is True
        return "", False

    async def _heard(self, client: "Client") -> str:
        """Leave a connection that is dead, and return what its server has said last."""
        import nats  # noqa: PLC0415 - only there with the extra

        said = "" if client.last_error is None else f" ({_reason(client.last_error)})"
        try:
            async with asyncio.timeout(self._seconds):
                await client.flush(timeout=self._seconds)  # type: ignore[arg-type]
        except (nats.errors.Error, OSError, TimeoutError):
            self._fail("the server has not answered")
            if self._client is client:
                await self.close()
        return said


async def _held(client: "Client") -> None:
    """Close a client when this task is cancelled: when it is left, or when the worker's event loop ends."""
    try:
        await asyncio.Event().wait()
    finally:
        await _closed(client)


async def _closed(client: "Client") -> None:
    with suppress(Exception):  # it is left, whatever becomes of it
        async with asyncio.timeout(CLOSING_SECONDS):
            await client.close()


def _made(stream: Stream) -> "Client":
    """Return a client that sends who it is encrypted, or to a private address.

    The library's own, told `tls://`, sends passwords in the clear to who does not ask for TLS.
    """
    from nats.aio.client import Client  # noqa: PLC0415 - only there with the extra
    from nats.errors import SecureConnRequiredError  # noqa: PLC0415

    class Careful(Client):
        def _connect_command(self) -> bytes:
            if not self._server_info.get("tls_required"):  # the answer of whoever is there
                if stream.servers[0].startswith("tls://"):
                    raise SecureConnRequiredError
                host, *_ = self._transport._io_writer.get_extra_info("peername")  # type: ignore[union-attr]  # noqa: SLF001 - no other way
                if stream.would_show(host):
                    shown = f"{host} is a public address, and nats:// would show it the password: write tls://"
                    raise Retry(f"nothing is published to {stream.name}: {shown}")
            return super()._connect_command()

    return Careful()


def _reason(error: Exception) -> str:
    """Return why something failed. Of what the server has said only known texts are repeated, see `SAID`."""
    from nats.errors import Error  # noqa: PLC0415 - only there with the extra

    if not isinstance(error, Error):
        return why(error)
    if type(error) is not Error:
        return str(error)  # the library's own text
    return _known(str(error)) or "what its server says is not known"


def _known(text: str) -> str | None:
    """Return the text of `SAID` that is in what a server has said; None if there is none."""
    return next((f"the server says: {one}" for one in SAID if one in text.lower()), None)


def _how_to_add(stream: Stream) -> str:
    return (
        f"`nats stream add {stream.name} --subjects '{stream.subject}.>' --storage file --dupe-window 48h --defaults`"
    )  # fmt: skip
