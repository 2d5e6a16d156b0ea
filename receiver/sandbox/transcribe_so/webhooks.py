"""The endpoints of a key's webhook."""

from starlette.responses import JSONResponse, Response

from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.transcribe_so.deliveries import SimulatedWebhook
from receiver.sandbox.transcribe_so.envelope import invalid, missing
from receiver.sandbox.transcribe_so.state import Call


async def register(call: Call) -> Response:
    """Answer `POST /webhooks`. Only the first answer shows the secret."""
    url = call.body.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise invalid("url must be an http(s) address.")
    webhook, fresh = call.account.register(url)
    shown = webhook.to_json()
    return JSONResponse(shown | {"signing_secret": webhook.secret}, 201) if fresh else JSONResponse(shown)


async def get(call: Call) -> Response:
    """Answer `GET /webhooks`."""
    return JSONResponse(_existing(call).to_json())


async def delete(call: Call) -> Response:
    """Answer `DELETE /webhooks`. Running deliveries are not retried."""
    webhook = _existing(call)
    webhook.enabled, call.account.webhook = False, None
    return JSONResponse({"id": webhook.id, "deleted": True})


async def test(call: Call) -> Response:
    """Answer `POST /webhooks/test`."""
    if call.account.webhook is None:
        raise missing("A webhook of this key")
    call.provider.deliver(call.account, call.provider.event("webhook.test", {"message": "This is a test."}))
    return JSONResponse({"queued": True}, 202)


def _existing(call: Call) -> SimulatedWebhook:
    methods = call.provider.knobs.webhook_methods
    if methods != "yes":
        raise RefusalError(int(methods), "not_found", "There is no such endpoint.")
    if call.account.webhook is None:
        raise missing("A webhook of this key")
    return call.account.webhook
