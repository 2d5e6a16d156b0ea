"""Publish every event to a stream of NATS JetStream: `RECEIVER_PUBLISH` names it.

A message is the JSON of `receiver.Announcement`, with the subject `receiver.<source>.<type>`, such as
`receiver.transcribe-so.transcription.completed`. The job is done when the stream has acknowledged it. A repeat, also
that of a replay, has the same `Nats-Msg-Id`, made of the event's source, API URL, account, id and transcription. Within
its `duplicate_window` the stream drops it. After that the stream has it twice, so its readers should know the id too. A
job is tried for `SPAN` at most: with a longer window it is there once, unless somebody replays it later.

Whether acknowledged is on disk is the server's affair: by default it syncs every two minutes. Only its monitoring port
tells that. With `monitor=` nothing is published unless each server of the stream is known to sync each message. One
of a cluster that is away acknowledges nothing; it is asked when it is back.
"""

from datetime import timedelta

from receiver import Announcement, Context, Event, Handler, RetryPolicy, Stream, handler

from ._link import Link

STEP_SECONDS = 5.0
PAUSE_SECONDS = 2.0
AGAIN_SECONDS = 15.0
TIMEOUT_SECONDS = 60.0
MOST_BYTES = 64 * 1024 * 1024  # no server takes more; most take 1 MB
# A server that is away for a day is no reason for dead letters, and when it is back its events do not wait for hours.
POLICY = RetryPolicy(attempts=100, limit=timedelta(minutes=15))
SPAN = sum((POLICY.delay(tries, jitter=1) for tries in range(1, POLICY.attempts)), timedelta())


def made(
    *, seconds: float = STEP_SECONDS, pause: float = PAUSE_SECONDS, again: float = AGAIN_SECONDS
) -> tuple[Handler, Link]:  # fmt: skip
    """Return a handler and its connection. `seconds`, `pause`, `again`: see `Link`."""
    link = Link(seconds=seconds, pause=pause, again=again, span=SPAN)

    @handler("*", needs="RECEIVER_PUBLISH", retry=POLICY, timeout=TIMEOUT_SECONDS)
    async def publish(event: Event, ctx: Context) -> None:
        """Publish one event."""
        stream = Stream.parse(ctx.setting("RECEIVER_PUBLISH") or "")
        subject = f"{stream.subject}.{event.source.replace('.', '-')}.{event.type}"
        body = Announcement.of(event, ctx.account).encoded(most=MOST_BYTES)
        is_repeat = await link.send(stream, subject, body, key=ctx.idempotency_key, ctx=ctx)
        ctx.log.info("%s %s", f"{stream.name} had it already:" if is_repeat else "published as", subject)

    return publish, link


publish, _ = made()
