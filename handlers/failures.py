"""Store and log why transcriptions and other work failed."""

from receiver import Context, Event, handler, query


@handler("transcription.failed", "translation.failed", "separation.failed", "enhancement.failed")
async def failures(event: Event, ctx: Context) -> None:
    """Store and log the first text that looks like a reason, because the payload of a failure is not documented."""
    told = [one for name in ("transcription", "submission") if isinstance(one := event.data.get(name), dict)]
    keys = ("error", "error_message", "failure_reason", "reason", "message")
    candidates = [one.get(key) for one in told for key in keys]
    nested = [c.get("message") for c in candidates if isinstance(c, dict)]
    reason = next((c for c in [*candidates, *nested] if isinstance(c, str) and c), "no reason given")
    async with ctx.completing() as tx:
        await tx.execute(
            query("handlers/store_failure"),
            *ctx.account,
            event.transcription.id or "",
            event.id,
            reason,
        )
    work = event.type.partition(".")[0]
    ctx.log.warning("%s %s failed: %s", work, event.transcription.id or f"of event {event.id}", reason)
