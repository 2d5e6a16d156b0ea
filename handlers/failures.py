"""Store and log why transcriptions failed."""

from receiver import Context, Event, handler, query


@handler("transcription.failed")
async def failures(event: Event, ctx: Context) -> None:
    """Store and log the first text that looks like a reason, because the payload of a failure is not documented."""
    about = event.data.get("transcription")
    fields = about if isinstance(about, dict) else {}
    candidates = [fields.get(key) for key in ("error", "error_message", "failure_reason", "reason", "message")]
    nested = [c.get("message") for c in candidates if isinstance(c, dict)]
    reason = next((c for c in [*candidates, *nested] if isinstance(c, str) and c), "no reason given")
    async with ctx.completing() as tx:
        await tx.execute(
            query("handlers/store_failure"),
            event.source,
            ctx.provider.api_url,
            event.transcription.id or "",
            event.id,
            reason,
        )
    ctx.log.warning("transcription %s failed: %s", event.transcription.id, reason)
