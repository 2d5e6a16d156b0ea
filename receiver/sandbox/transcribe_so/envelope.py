"""The provider's refusals, in its error envelope."""

from starlette.responses import JSONResponse

from receiver.sandbox import refusals
from receiver.sandbox.refusals import RefusalError

DOCS = "https://transcribe.so/developers/docs"
BILLING = "https://transcribe.so/billing"
DOC_URLS = {
    "unauthenticated": f"{DOCS}#authentication",
    "invalid_api_key": "https://transcribe.so/settings/api-keys",
    "insufficient_funds": BILLING,
    "max_charge_exceeded": f"{DOCS}#pricing",
    "not_ready": f"{DOCS}#endpoints",
}


def invalid(message: str) -> RefusalError:
    """Return the refusal of a malformed request."""
    return RefusalError(400, "invalid_request", f"{message} See {DOCS}#endpoints.")


def missing(what: str) -> RefusalError:
    """Return the refusal for a thing that does not exist or belongs to another key. It does not say which."""
    return RefusalError(404, "not_found", f"{what} does not exist or is not yours.")


def refusal(error: RefusalError, request_id: str) -> JSONResponse:
    """Return the answer for a refusal, with where the documentation explains it."""
    return refusals.refusal(error, request_id, doc_url=DOC_URLS.get(error.code, f"{DOCS}#errors"))
