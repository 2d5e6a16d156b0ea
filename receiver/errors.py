"""All errors of this package, by the code that catches them.

ReceiverError
├── StartupError               the process must not start: one line on stderr, exit status 1
│   ├── ConfigError            a setting is missing or wrong
│   ├── HandlerLoadError       a handler module cannot be used
│   ├── SchemaError            the database's schema does not fit this code
│   ├── NoDataError            a command that only reads found no database
│   └── EmbeddedError          the embedded PostgreSQL cannot run here
├── ImpossibleError            cannot be done as asked, now or ever: exit status 1 in a command, Dead in a job
├── BusyError                  another process is doing the same now; worth another try
├── RequestError               refuse the request; carries its HTTP status
│   ├── SignatureError         401: not proven to come from the source
│   ├── WrongPathError         404: signed, but sent to the wrong address
│   ├── DeliveryTimeoutError   408: the body did not arrive in time
│   ├── BodyTooLargeError      413: the body is too large
│   ├── NoSecretError          503: no secret is known to verify with
│   ├── CallbackUnknownError   503: the callback's secret cannot be looked up now
│   └── StoreUnavailableError  503: the delivery cannot be made durable now
│       ├── StoreMisconfiguredError  503: the database can never be used as it is configured
│       ├── StoreRefusedError  503: the database answers, but refuses this delivery alone
│       ├── StoreBusyError     503: all our connections are busy; the database might be well
│       └── SpoolFullError     503: the database is away and the spool is full
├── LeaseLostError             this job belongs to another worker now
├── ProviderError              the provider's API refused, or did not answer
│   ├── Unauthenticated        401: the key is missing, malformed, revoked
│   ├── PaymentRequired        402
│   │   └── InsufficientFunds
│   ├── InvalidRequest         400, and other refusals of our request
│   │   └── NotFound           404
│   ├── NotReady               what was asked for does not exist yet, or never will
│   ├── RateLimited            429
│   └── ProviderUnavailable    5xx, no answer, or an answer that makes no sense
│       └── NoTurn             nothing was sent: the request budget cannot be reached
└── Verdict                    raised by a handler about its own job
    ├── Retry                  try again later; counts as a try
    ├── Postpone               try again later; does not count as a try
    └── GiveUp                 the job is dead now
"""

from datetime import timedelta

NO_REASON = "no reason given"  # the reason of a bare `raise GiveUp`


class ReceiverError(Exception):
    """Any error that this package raises on purpose."""


# --- the process must not start --------------------------------------------------------------------------------------


class StartupError(ReceiverError):
    """The process must not start; the message is the one line a person reads."""


class ConfigError(StartupError):
    """A setting is missing or wrong."""


class HandlerLoadError(StartupError):
    """A handler module cannot be used."""


class SchemaError(StartupError):
    """The database's schema does not fit this code."""


class NoDataError(StartupError):
    """A command that only reads found no database to read."""


class EmbeddedError(StartupError):
    """The embedded PostgreSQL cannot run here."""


class ImpossibleError(ReceiverError):
    """The request cannot be done as asked, now or ever. The message says why and what to do.

    `code` names a reason about which a caller can say more, such as the option that helps. Most reasons have none.
    """

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class BusyError(ReceiverError):
    """Another process is doing the same now. Try again when it has ended."""


# --- refuse the request ----------------------------------------------------------------------------------------------


class RequestError(ReceiverError):
    """The request is refused with `status`. `code` and `message` are the body, `detail` is for the log alone."""

    status = 400
    code = "bad_request"
    message = "The request cannot be accepted."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.message)
        self.detail = detail


class SignatureError(RequestError):
    """The delivery is not proven to come from the source. The sender gets the same body for every reason.

    Attributes:
        reason: `missing`, `malformed`, `mismatch` (no secret makes this MAC) or `stale` (right MAC, wrong time).
        seconds_off: how old a stale signature is; negative if its time is in the future.
        mac: the MAC of a stale signature, to distinguish deliveries. It is never shown.
    """

    status = 401
    code = "invalid_signature"
    message = "The signature does not prove this delivery."

    def __init__(self, reason: str, *, seconds_off: float = 0.0, mac: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds_off = seconds_off
        self.mac = mac


class WrongPathError(RequestError):
    """The request has a signature, but its address does not accept deliveries."""

    status = 404
    code = "wrong_path"
    message = "This address does not accept deliveries."


class DeliveryTimeoutError(RequestError):
    """The body did not arrive in time."""

    status = 408
    code = "timeout"
    message = "The request did not arrive in time."


class BodyTooLargeError(RequestError):
    """The body is larger than the limit for deliveries."""

    status = 413
    code = "body_too_large"
    message = "The delivery is too large."

    def __init__(self, most: int) -> None:
        self.message = f"A delivery can have at most {most} bytes."
        super().__init__()


class NoSecretError(RequestError):
    """No signing secret is known, so nothing can be verified."""

    status = 503
    code = "no_secret"
    message = "No signing secret is known yet; register a webhook, or set its secret."


class CallbackUnknownError(RequestError):
    """The callback is not known here, and the database cannot be asked for its secret now. It might not exist."""

    status = 503
    code = "callback_unknown"
    message = "The secret of this callback cannot be looked up right now; send it again."


class StoreUnavailableError(RequestError):
    """The delivery cannot be made durable now. `no_room`: the server had no free connection."""

    status = 503
    code = "store_unavailable"
    message = "The delivery cannot be stored right now; send it again."

    def __init__(self, detail: str = "", *, no_room: bool = False) -> None:
        super().__init__(detail)
        self.no_room = no_room


class StoreMisconfiguredError(StoreUnavailableError):
    """The database can never be connected to as it is configured. A process must not start with such a database."""


class StoreRefusedError(StoreUnavailableError):
    """The database answers, but refuses this delivery. It might accept others.

    `passing`: the cause might go away without help (a locked row, a conflict, a statement that took too long).
    """

    code = "store_refused"
    message = "The delivery cannot be stored."

    def __init__(self, detail: str = "", *, passing: bool = False) -> None:
        super().__init__(detail)
        self.passing = passing


class StoreBusyError(StoreUnavailableError):
    """None of our connections became free in time: they are busy with other deliveries. This is not an outage."""

    code = "store_busy"


class SpoolFullError(StoreUnavailableError):
    """The database is away and the spool is full."""

    code = "spool_full"
    message = "The delivery cannot be stored right now, and there is no space to keep it until then; send it again."


# --- work ------------------------------------------------------------------------------------------------------------


class LeaseLostError(ReceiverError):
    """The job belongs to another worker now, or is finished. This attempt must not write anything."""


class Verdict(ReceiverError):  # noqa: N818 - a handler's decision, not a failure
    """A handler's decision about its own job, raised as an error."""

    def __init__(self, reason: str = NO_REASON, *, after: timedelta | float | None = None) -> None:
        super().__init__(reason)
        self.after = after if after is None or isinstance(after, timedelta) else timedelta(seconds=after)


class Retry(Verdict):
    """Try again `after` (a timedelta or seconds; the policy's delay by default). Counts as a try."""


class Postpone(Verdict):
    """Try again `after` (a timedelta or seconds; a minute by default). Does not count as a try."""


class GiveUp(Verdict):
    """The job can never succeed. It is dead now, is kept with the reason, and can be replayed."""

    def __init__(self, reason: str = NO_REASON) -> None:
        super().__init__(reason)


# --- the provider's API ----------------------------------------------------------------------------------------------


class ProviderError(ReceiverError):
    """The provider's API refused, or did not answer.

    Attributes:
        code: the code in the answer, or one of ours: `unreachable`, `transport`, `malformed_answer`, `http_<status>`;
            before the provider could begin: `not_all_sent`, `out_of_turns`, `no_turn`, `no_token`, `invalid_id`,
            `invalid_idempotency_key`, `not_a_job`, `regenerations_used`; of an upload to continue: `upload_broken`.
        status: the HTTP status, None when there was no answer.
        request_id: the id to give to the provider's support.
        doc_url: the provider's page about this error.
        retry_after: how long the provider asked us to wait.
        maybe_done: whether an earlier try of the same call might have succeeded, although this one failed.
        answer: a 2xx answer to a request that is paid for, as it came.
    """

    maybe_done = False
    answer: bytes | None = None

    def __init__(
        self, message: str, *, code: str, status: int | None = None, request_id: str | None = None,
        doc_url: str | None = None, retry_after: timedelta | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.request_id = request_id
        self.doc_url = doc_url
        self.retry_after = retry_after

    def __str__(self) -> str:
        status = "" if self.status is None else f"{self.status} "
        request = "" if self.request_id is None else f" [{self.request_id}]"
        return f"{status}{self.code}: {self.message}{request}"


class Unauthenticated(ProviderError):  # noqa: N818 - the provider's own word
    """401: the key is missing, malformed, revoked or expired."""


class PaymentRequired(ProviderError):  # noqa: N818 - the status' own name
    """402: a payment is missing."""


class InsufficientFunds(PaymentRequired):
    """402 insufficient_funds: the wallet cannot cover the charge."""


class InvalidRequest(ProviderError):  # noqa: N818 - the provider's own word
    """400, and other refusals of our request. The same request will fail again."""


class NotFound(InvalidRequest):
    """404: the thing does not exist, or belongs to another account."""


class NotReady(ProviderError):  # noqa: N818 - the provider's own word
    """What was asked for does not exist. `passing`: it is being made, so a later try can succeed."""

    passing = False


class RateLimited(ProviderError):  # noqa: N818 - the provider's own word
    """429: too many requests with this key (`of_every_request`), or one allowance of it is used up."""

    of_every_request = False


class ProviderUnavailable(ProviderError):  # noqa: N818 - beside its siblings
    """5xx, no answer in time, or an answer that makes no sense; worth another try."""


class NoTurn(ProviderUnavailable):
    """Nothing was sent, because the request budget cannot be reached. This does not count as a try of a job."""
