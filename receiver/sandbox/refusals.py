"""Refusals, and the error envelope in which the sandbox answers them where no provider says how."""

from collections.abc import Callable, Mapping

from starlette.responses import JSONResponse, Response


class RefusalError(Exception):
    """A refusal. Each simulated provider answers it in its own error envelope; `extra` adds fields to the envelope.

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


def refuse_any(problems: Mapping[str, bool], wrong: Callable[[str], RefusalError]) -> None:
    """Refuse the first of these problems that is there; `wrong` makes the refusal of it."""
    for problem, is_there in problems.items():
        if is_there:
            raise wrong(problem)


def refusal(error: RefusalError, request_id: str, **more: object) -> JSONResponse:
    """Return the answer for a refusal; `more` stands in the envelope too."""
    envelope = {"code": error.code, "message": error.message, "request_id": request_id, **more, **error.extra}
    headers = None if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return JSONResponse({"error": envelope}, error.status, headers=headers)


def xml(error: RefusalError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer for a refusal as a store of files gives it."""
    said = f"<Error><Code>{error.code}</Code><Message>{error.message}</Message></Error>"
    return Response(
        f'<?xml version="1.0" encoding="UTF-8"?>\n{said}', error.status, headers=headers, media_type="application/xml"
    )
