"""Check what is around a receiver: whether the provider answers, and whether its deliveries arrive."""

from collections.abc import Sequence

import httpx

from receiver.errors import InvalidRequest, ProviderError, StoreUnavailableError
from receiver.health import asking
from receiver.health.finding import Finding
from receiver.logs.unanswered import why
from receiver.providers import TranscribeSo, egress
from receiver.settings import Settings, addresses
from receiver.webhooks import registration

SECONDS = 10.0


async def reachable(configured: Settings, secrets: Sequence[bytes]) -> list[Finding]:
    """Check whether a ready receiver answers at `PUBLIC_URL`. A caller that knows a secret also gets its problems."""
    if configured.public_url is None:
        return [Finding("reachable", holds=True, seen="unknown without PUBLIC_URL")]
    try:
        answer = await asking.ask(configured.public_url, secrets, seconds=SECONDS)
    except egress.SettingError as exc:
        return [Finding("reachable", holds=False, seen=str(exc))]
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        seen = f"{configured.public_url} does not answer ({why(exc)})"
        return [Finding("reachable", holds=False, seen=seen, todo="run `receiver up`, and check the tunnel")]
    findings = answer.findings
    if findings is None:
        seen = f"{configured.public_url}/readyz answers {answer.status}: something other than a receiver is there"
        return [Finding("reachable", holds=False, seen=seen)]
    seen = f"a receiver answers at {configured.public_url}"
    failures = [finding for finding in findings if finding.name.startswith("failures")]
    wrong = [f"{finding.name}: {finding.said}" for finding in findings if not finding.holds]
    if wrong:
        return [Finding("reachable", holds=False, seen=f"{seen}: {'; '.join(wrong)}"), *failures]
    return [Finding("reachable", holds=True, seen=f"{seen}, and is ready"), *failures]


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
