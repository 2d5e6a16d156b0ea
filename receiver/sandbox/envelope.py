"""How the provider says no."""

import secrets

from starlette.responses import JSONResponse

DOCS = "https://transcribe.so/developers/docs"


class RefusalError(Exception):
    """Answer a request with the provider's error envelope; `extra` goes into it."""

    def __init__(self, status: int, code: str, message: str, **extra: object) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra


def refusal(error: RefusalError, request_id: str) -> JSONResponse:
    """Return the answer that an error stands for."""
    envelope = {
        "code": error.code,
        "message": error.message,
        "request_id": request_id,
        "doc_url": f"{DOCS}#errors",
        **error.extra,
    }
    headers = {"Retry-After": str(error.extra["retry_after"])} if "retry_after" in error.extra else None
    return JSONResponse({"error": envelope}, error.status, headers=headers)


def new_request_id() -> str:
    """Return an id such as the provider's `X-Request-Id`."""
    return f"req_{secrets.token_hex(6)}"
