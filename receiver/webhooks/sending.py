"""Deliver to a receiver as the provider would: signed with a secret that verifies there, byte for byte."""

import time

import httpx

from receiver import signature
from receiver.errors import ImpossibleError
from receiver.logs.unanswered import why
from receiver.providers import egress
from receiver.settings import Settings
from receiver.webhooks import secrets
from receiver.webhooks.secrets import Known

SECONDS = 15.0


async def deliver(configured: Settings, known: Known, target: str, body: bytes) -> httpx.Response:
    """Deliver a body, and return the receiver's answer, whatever its status.

    Args:
        configured: the settings: the account. Their secrets come first.
        known: the secrets of the database.
        target: the address of the receiver's webhook.
        body: the body.

    Raises:
        ImpossibleError: no secret is known, or nothing answers at `target`.
    """
    verifying = secrets.of_webhook(configured.chosen, known)
    if not verifying:
        raise secrets.none_known(configured)
    header = signature.sign(body, secret=verifying[0], at=int(time.time()))
    try:
        async with egress.client(timeout=SECONDS) as http:
            return await http.post(target, content=body, headers={signature.HEADER: header.encode()})
    except egress.SettingError as exc:
        raise ImpossibleError(str(exc)) from exc
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise ImpossibleError(
            f"{target} does not answer ({why(exc)}): run `receiver up`, set PORT to its port, or give another "
            "address", code="no_answer",
        ) from exc  # fmt: skip
