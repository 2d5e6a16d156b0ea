"""`receiver.webhooks.sending`: a delivery of our own is signed with a secret that verifies, and changed in nothing."""

import time

import httpx
import pytest
from pydantic import SecretStr

from receiver import settings, signature
from receiver.errors import ImpossibleError
from receiver.settings import Settings
from receiver.webhooks.secrets import Known
from receiver.webhooks.sending import deliver
from tests.commands import Request, Scripted
from tests.processes import free_port

BODY = b'{ "id": "evt_1" }\n'
KNOWN = Known({settings.load().chosen.id: (b"whsec_new", b"whsec_old")})


def configured(*own: str) -> Settings:
    return settings.load().model_copy(update={"webhook_secrets": tuple(map(SecretStr, own))})


async def delivered(configured: Settings, *, status: int = 200) -> tuple[httpx.Response, Request]:
    """Deliver, and return the answer, and what has arrived."""
    with Scripted().running() as receiver:
        receiver.answers = {"POST /hook": [(status, {"status": "stored"})]}
        answer = await deliver(configured, KNOWN, f"{receiver.url}/hook", BODY)
        (arrived,) = receiver.requests
    return answer, arrived


@pytest.mark.parametrize(("own", "signs"), [((), b"whsec_new"), (("whsec_own",), b"whsec_own")])
async def test_it_is_signed_with_a_secret_of_the_settings_or_else_the_newest(
    own: tuple[str, ...], signs: bytes
) -> None:
    answer, arrived = await delivered(configured(*own))
    assert (answer.status_code, arrived.body) == (200, BODY)
    headers = [(signature.HEADER, (arrived.signature or "").encode())]
    assert signature.verify(headers, arrived.body, secrets=[signs], now=time.time()).secret == signs


async def test_a_refusal_is_an_answer_too() -> None:
    answer, _ = await delivered(configured(), status=401)
    assert answer.status_code == 401


async def test_without_a_secret_or_an_answer_it_says_what_to_do() -> None:
    target = f"http://127.0.0.1:{free_port()}/hook"
    with pytest.raises(ImpossibleError, match="no secret is known for "):
        await deliver(configured(), Known(), target, BODY)
    with pytest.raises(ImpossibleError, match=f"{target} does not answer .*set PORT to its port, or give another addr"):
        await deliver(configured(), KNOWN, target, BODY)
