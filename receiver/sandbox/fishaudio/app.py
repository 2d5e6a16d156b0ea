"""The routes of the simulated fishaudio, and the steps that a request passes: 401 · limit · faults."""

from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.sandbox import gate, samples
from receiver.sandbox.faults import Fault
from receiver.sandbox.fishaudio import orders, transcripts
from receiver.sandbox.fishaudio.state import SimulatedFishAudio, price
from receiver.sandbox.refusals import RefusalError


def application(provider: SimulatedFishAudio) -> Starlette:
    """Return the provider as an ASGI application."""
    keyed = partial(gate.guarded, provider.ground, partial(_admit, provider), refuse=_refusal)
    profiles = (
        [Route("/api/open/profile", keyed(partial(profile, provider)))] if provider.knobs.profile == "yes" else []
    )
    return Starlette(
        routes=[Route("/api/open/speech-to-text", keyed(partial(transcribe, provider)), methods=["POST"]), *profiles],
        exception_handlers=gate.no_route(
            lambda exc: _refusal(RefusalError(exc.status_code, "not_found", "Resource not found", details=exc.detail))
        ),
    )


async def transcribe(provider: SimulatedFishAudio, account: str, request: Request, _: Fault | None) -> Response:
    """Answer `POST /speech-to-text` when the work is done."""
    order = orders.read(gate.json_object(await request.body(), orders.wrong))
    spoken = samples.named(order.audio_url)
    if spoken.asks_for("hundred-hours"):
        raise RefusalError(413, "file_too_large", "Upload file too large")
    if provider.runs.fails(account, spoken.name):
        raise RefusalError(400, "invalid_audio", "Invalid request parameters", details="audio_url is no recording")
    done = provider.start(account, spoken)
    await provider.ground.wait(None, done)
    if not done.is_set():
        raise RefusalError(503, "unavailable", "Service unavailable", details="The sandbox is stopping")
    paid = {"credits_used": price(spoken), "quota_remaining": provider.credits[account]}
    return JSONResponse(transcripts.answer(spoken, order, provider.knobs) | paid)


async def profile(provider: SimulatedFishAudio, account: str, _request: Request, _fault: Fault | None) -> Response:
    """Answer `GET /profile`."""
    return JSONResponse({"api_quota_remaining": provider.credits[account]})


async def _admit(provider: SimulatedFishAudio, request: Request) -> str:
    """Return the account of a request, and count it. Without a header, the key is in the body."""
    key = gate.bearer(request) or _token(await request.body())
    nobody = RefusalError(401, "unauthorized", "Invalid API Token")
    return gate.admitted(key, provider.limits, nobody=nobody, surplus=_surplus())


def _token(raw: bytes) -> str | None:
    """Return the key that a body has; None without one."""
    try:
        token = gate.json_object(raw, orders.wrong).get("token")
    except RefusalError:
        return None
    return token.strip() or None if isinstance(token, str) else None


def _surplus() -> RefusalError:
    return RefusalError(429, "rate_limited", "Rate limit exceeded")


def _refusal(error: RefusalError) -> Response:
    """Return the answer for a refusal. A planned 429 reads like one of the limit's own."""
    error = _surplus() if error.code == "rate_limited" else error
    code = {"code": error.code} if error.code else {}
    return JSONResponse({"error": error.message, **code, **error.extra}, error.status)
