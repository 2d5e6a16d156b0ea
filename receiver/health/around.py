"""What must hold around a receiver: that it is reached where the provider delivers, and that the provider answers."""

import time
from collections.abc import Sequence
from typing import Any

import httpx

from receiver import addresses, egress, signature
from receiver.errors import InvalidRequest, ProviderError, StoreUnavailableError
from receiver.health.finding import Finding
from receiver.providers import TranscribeSo
from receiver.settings import Settings

SECONDS = 10.0


async def reachable(configured: Settings, secrets: Sequence[bytes]) -> list[Finding]:
    """Whether a receiver answers where the provider delivers, is ready, and what it tells only who knows a secret."""
    if configured.public_url is None:
        return [Finding("reachable", holds=True, seen="not known without PUBLIC_URL")]
    key = signature.key_for_questions(secrets[0]) if secrets else b""
    headers = {signature.HEADER: signature.sign(b"", secret=key, at=int(time.time())).encode()}
    try:
        async with egress.client(timeout=SECONDS) as http:
            answer = await http.get(f"{configured.public_url}/readyz", params={"format": "json"}, headers=headers)
    except egress.SettingError as exc:
        return [Finding("reachable", holds=False, seen=str(exc))]
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        seen = f"{configured.public_url} does not answer ({type(exc).__name__})"
        return [Finding("reachable", holds=False, seen=seen, todo="run `receiver up`, see to the tunnel")]
    findings = _findings(answer)
    if findings is None:
        seen = f"{configured.public_url}/readyz answers {answer.status_code}: something else than a receiver is there"
        return [Finding("reachable", holds=False, seen=seen)]
    seen = f"a receiver answers at {configured.public_url}"
    failures = [one for one in findings if one.name == "failures"]
    wrong = [f"{one.name}: {one.said}" for one in findings if not one.holds]
    if wrong:
        return [Finding("reachable", holds=False, seen=f"{seen}: {'; '.join(wrong)}"), *failures]
    return [Finding("reachable", holds=True, seen=f"{seen}, and is ready"), *failures]


def _findings(answer: httpx.Response) -> list[Finding] | None:
    """Return what a receiver's readiness says; None where it is no receiver's."""
    try:
        said: list[dict[str, Any]] = answer.json()["findings"]
        return [Finding(one["name"], holds=one["holds"], seen=one["seen"], todo=one["todo"]) for one in said]
    except (ValueError, LookupError, TypeError):
        return None


async def provider(client: TranscribeSo, configured: Settings) -> list[Finding]:
    """Whether the provider answers, takes the key, and delivers."""
    try:
        await client.me()
        answers = Finding("provider", holds=True, seen=f"{client.api_url} answers and takes the key")
        return [answers, await _webhook(client, configured.callback_url)]
    except (ProviderError, StoreUnavailableError) as exc:
        return [Finding("provider", holds=False, seen=str(exc))]


async def _webhook(client: TranscribeSo, ours: str | None) -> Finding:
    """Whether the provider delivers, which it stops after five failures in a row, and where we are."""
    try:
        webhook = await client.get_webhook()
    except InvalidRequest:
        return Finding("webhook", holds=True, seen="the provider has none, or does not tell")
    if webhook.enabled is False:
        todo = "switch it on again in its dashboard, then `receiver test-event`"
        return Finding("webhook", holds=False, seen="the provider has switched it off", todo=todo)
    if webhook.url is not None and ours is not None and not addresses.same(webhook.url, ours):
        todo = "run `receiver register`, or set PUBLIC_URL to where it delivers"
        return Finding("webhook", holds=False, seen=f"the provider delivers to {webhook.url}, not to {ours}", todo=todo)
    return Finding("webhook", holds=True, seen=f"the provider delivers to {webhook.url or 'it'}")
