"""Store and log why transcriptions and other work failed."""

from receiver import Context, Event, handler, query, reason


@handler("transcription.failed", "translation.failed", "separation.failed", "enhancement.failed")
async def failures(event: Event, ctx: Context) -> None:
    """Store and log the first text that looks like a reason, because the payload of a failure is not documented."""
    why = reason(event)
    async with ctx.completing() as tx:
        await tx.execute(
            query("handlers/store_failure"),
            *ctx.account,
            event.transcription.id or "",
            event.id,
            why,
        )
    work = event.type.partition(".")[0]
    ctx.log.warning("%s %s failed: %s", work, event.transcription.id or f"of event {event.id}", why)
