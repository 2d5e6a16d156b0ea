"""Check what is around a receiver: whether the provider answers, and whether its deliveries arrive."""

import time
from collections.abc import Sequence
from typing import Any

import httpx

from receiver import signature
from receiver.errors import InvalidRequest, ProviderError, StoreUnavailableError
from receiver.health.finding import Finding
from receiver.providers import TranscribeSo, egress
from receiver.settings import Settings, addresses
from receiver.webhooks import registration

SECONDS = 10.0


async def reachable(configured: Settings, secrets: Sequence[bytes]) -> list[Finding]:
    """Check whether a ready receiver answers at `PUBLIC_URL`. A caller that knows a secret also gets its problems."""
    if configured.public_url is None:
        return [Finding("reachable", holds=True, seen="unknown without PUBLIC_URL")]
    key = signature.key_for_questions(secrets[0]) if secrets else b""
    headers = {signature.HEADER: signature.sign(b"", secret=key, at=int(time.time())).encode()}
    try:
        async with egress.client(timeout=SECONDS) as http:
            answer = await http.get(f"{configured.public_url}/readyz", params={"format": "json"}, headers=headers)
    except egress.SettingError as exc:
        return [Finding("reachable", holds=False, seen=str(exc))]
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        seen = f"{configured.public_url} does not answer ({egress.why(exc)})"
        return [Finding("reachable", holds=False, seen=seen, todo="run `receiver up`, and check the tunnel")]
    findings = _findings(answer)
    if findings is None:
        seen = f"{configured.public_url}/readyz answers {answer.status_code}: something other than a receiver is there"
        return [Finding("reachable", holds=False, seen=seen)]
    seen = f"a receiver answers at {configured.public_url}"
    failures = [finding for finding in findings if finding.name.startswith("failures")]
    wrong = [f"{finding.name}: {finding.said}" for finding in findings if not finding.holds]
    if wrong:
        return [Finding("reachable", holds=False, seen=f"{seen}: {'; '.join(wrong)}"), *failures]
    return [Finding("reachable", holds=True, seen=f"{seen}, and is ready"), *failures]


def _findings(answer: httpx.Response) -> list[Finding] | None:
    """Return the findings in an answer; None if no receiver answered."""
    try:
        found: list[dict[str, Any]] = answer.json()["findings"]
        return [Finding(item["name"], holds=item["holds"], seen=item["seen"], todo=item["todo"]) for item in found]
    except (ValueError, LookupError, TypeError):
        return None


async def provider(client: TranscribeSo, configured: Settings) -> list[Finding]:
    """Check whether the provider answers and accepts the chosen account's key, and whether it delivers."""
    try:
        await client.me()
        answers = Finding("provider", holds=True, seen=f"{client.api_url} answers and accepts the key")
        return [answers, await _webhook(client, configured)]
    except (ProviderError, StoreUnavailableError) as exc:
        return [Finding("provider", holds=False, seen=str(exc))]


async def _webhook(client: TranscribeSo, configured: Settings) -> Finding:
    """Check whether the provider delivers to the account's webhook. It stops after five failures in a row."""
    webhook_url, option = configured.webhook_url, configured.chosen.option
    try:
        webhook = await registration.webhook_of(client)
    except InvalidRequest:
        seen = "the provider does not say whether it has one"
        return Finding("webhook", holds=True, seen=seen, todo=f"`receiver test-event{option}` tries it")
    if webhook is None:
        todo = f"{'' if webhook_url is not None else 'set PUBLIC_URL and '}run `receiver register{option}`"
        return Finding("webhook", holds=webhook_url is None, seen="the provider has none for this key", todo=todo)
    wrong = dict[str, str]()
    if webhook.url is not None and webhook_url is not None and not addresses.same(webhook.url, webhook_url):
        advice = f"run `receiver register{option}`, or set PUBLIC_URL to where it delivers"
        wrong[f"delivers to {webhook.url}, not to {webhook_url}"] = advice
    if webhook.enabled is False:
        wrong["has switched it off"] = f"switch it on again in its dashboard, then `receiver test-event{option}`"
    if wrong:
        seen = f"the provider {', and '.join(wrong)}"
        return Finding("webhook", holds=False, seen=seen, todo="; ".join(wrong.values()))
    return Finding("webhook", holds=True, seen=f"the provider delivers to {webhook.url or 'it'}")
