"""Ask a web process whether it is ready. Whoever knows a secret of a webhook is told everything."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

import httpx

from receiver import signature
from receiver.health import telling
from receiver.health.finding import Finding, read_findings
from receiver.health.telling import Told
from receiver.logs.unanswered import why
from receiver.providers import egress
from receiver.settings import Settings, addresses
from receiver.webhooks.remembered import at_hand


class Answer(NamedTuple):
    """What was answered. `findings` is None if something other than a receiver has answered."""

    status: int
    findings: list[Finding] | None
    told: Told


async def ask_here(configured: Settings, *, seconds: float) -> Answer | str:
    """Return what the web process of this machine answers, or why there is no answer. The database is not needed."""
    here = addresses.here(configured.host, configured.port)
    try:
        return await ask(here, await asyncio.to_thread(at_hand, configured), seconds=seconds)
    except (httpx.HTTPError, httpx.InvalidURL, egress.SettingError) as exc:
        return f"no web process answers at {here} ({why(exc)})"


async def ask(base: str, secrets: Sequence[bytes], *, seconds: float) -> Answer:
    """Return what the receiver at the address `base` answers, as somebody who knows `secrets`.

    Raises:
        SettingError: a proxy or a certificate of the environment cannot be used.
        httpx.HTTPError, httpx.InvalidURL: it does not answer.
    """
    key = signature.key_for_questions(secrets[0]) if secrets else b""
    headers = {signature.HEADER: signature.sign(b"", secret=key, at=int(time.time())).encode()}
    async with egress.client(timeout=seconds) as http:
        answer = await http.get(f"{base}/readyz", params={"format": "json"}, headers=headers)
    try:
        found = answer.json()
        return Answer(answer.status_code, read_findings(found), telling.read(found))
    except (ValueError, AttributeError, TypeError):
        return Answer(answer.status_code, None, Told())
