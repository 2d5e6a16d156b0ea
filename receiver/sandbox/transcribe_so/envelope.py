"""The provider's refusals, in its error envelope."""

import random

from starlette.responses import JSONResponse

DOCS = "https://transcribe.so/developers/docs"
BILLING = "https://transcribe.so/billing"
DOC_URLS = {
    "unauthenticated": f"{DOCS}#authentication",
    "invalid_api_key": "https://transcribe.so/settings/api-keys",
    "insufficient_funds": BILLING,
    "max_charge_exceeded": f"{DOCS}#pricing",
    "not_ready": f"{DOCS}#endpoints",
}


class RefusalError(Exception):
    """A refusal, answered with the provider's error envelope. `extra` adds fields to the envelope.

    `retry_after`, in whole seconds, is not in the envelope: it becomes the header.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: int | None = None, **extra: object
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.extra = extra


def invalid(message: str) -> RefusalError:
    """Return the refusal of a malformed request."""
    return RefusalError(400, "invalid_request", f"{message} See {DOCS}#endpoints.")


def missing(what: str) -> RefusalError:
    """Return the refusal for a thing that does not exist or belongs to another key. It does not say which."""
    return RefusalError(404, "not_found", f"{what} does not exist or is not yours.")


def refusal(error: RefusalError, request_id: str) -> JSONResponse:
    """Return the answer for a refusal."""
    envelope = {
        "code": error.code,
        "message": error.message,
        "request_id": request_id,
        "doc_url": DOC_URLS.get(error.code, f"{DOCS}#errors"),
        **error.extra,
    }
    headers = None if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return JSONResponse({"error": envelope}, error.status, headers=headers)


def token(chance: random.Random, size: int) -> str:
    """Return `size` random bytes as hex digits."""
    return chance.randbytes(size).hex()
