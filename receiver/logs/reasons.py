"""An error as a text: one that can be stored, with its place in the code and without secrets; or for a person. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

from receiver.errors import ImpossibleError, ProviderError, Verdict
from receiver.logs import unanswered
from receiver.logs.redaction import shorten

REASON_LENGTH = 2000
READ_LENGTH = 50 * REASON_LENGTH  # an error's text can have any length; only so much is read
ANSWER_LENGTH = 200
LEAVES = 20  # of an exception group
SHOWN_LEAVES = 3


# Frequent mistakes in handlers: a word in the error's text, and the likely cause.
SLIPS = (
    ("coroutine", "did you forget `await`, or `ctx.wait(…)` in a plain `def`?"),
    ("_AsyncGeneratorContextManager", "did you forget `async` before `with`?"),
)


@dataclass(frozen=True, slots=True)
class Told:
    """An error for a person. Its texts can contain control characters, because some are a stranger's.

    Attributes:
        message: why it failed, and what to do.
        facts: what the provider's support asks for, and where to read more; by name.
        notes: what else is known about this failure, such as what might have been done nevertheless.
    """

    message: str
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def tell(error: BaseException) -> Told:
    """Return an error that is written for people in its parts."""
    notes = tuple(getattr(error, "__notes__", ()))
    if not isinstance(error, ProviderError):
        return Told(str(error), notes=notes)
    code = error.code if error.status is None else f"{error.code} (HTTP {error.status})"
    facts = {"code": code, "request id": error.request_id, "see": error.doc_url}
    message = error.message if error.status is None else f"the provider says: {error.message}"
    return Told(message, {name: fact for name, fact in facts.items() if fact is not None}, notes)


def describe(error: BaseException, home: str = "") -> str:
    """Return an error as one storable text, with its place in the package of the module `home`.

    NUL and half surrogate pairs are removed, because PostgreSQL refuses them. Addresses are cut to scheme and host,
    because the rest might be a secret.
    """
    try:
        described = [_described(leaf, home) for leaf in leaves(error)[:SHOWN_LEAVES]]
        if isinstance(error, BaseExceptionGroup):
            return _cut(f"{type(error).__name__}: {_text(error)}: {'; '.join(described)}")
        return described[0]
    except BaseException:  # noqa: BLE001 - a library's attributes, which might raise SystemExit too
        return type(error).__name__


def plain(text: str) -> str:
    """Return a text as ASCII without NUL, which a database of any encoding can store."""
    return text.encode("ascii", "replace").decode("ascii").replace("\x00", "")[:REASON_LENGTH]


def _described(error: BaseException, home: str) -> str:
    name = type(error).__name__
    text = _unanswered(error) if unanswered.can_repeat(error) else _text(error)
    if isinstance(error, Verdict | ProviderError | ImpossibleError) and text:
        return _cut(text)  # written for people: by a handler, the provider or this program
    answer = _answer(error)
    parts = [name, _request(error), text if answer is None else answer, _slip(error, text)]
    return _cut(": ".join(filter(None, parts)), place(error, home))


def _unanswered(error: BaseException) -> str:
    """Return why a request got no answer, without what the other side has sent."""
    said = _clean(unanswered.why(error))
    return "" if said == type(error).__name__ else said


def _slip(error: BaseException, text: str) -> str | None:
    if not isinstance(error, AttributeError | TypeError):
        return None
    return next((hint for word, hint in SLIPS if word in text), None)


def _cut(text: str, end: str = "") -> str:
    return text[: REASON_LENGTH - len(end)] + end


def _text(error: BaseException) -> str:
    try:
        return _clean(str(error))
    except BaseException:  # noqa: BLE001 - a library's __str__, which might raise SystemExit too
        return ""


def _clean(text: str) -> str:
    storable = str.encode(text[:READ_LENGTH], "utf-8", "replace").decode("utf-8").replace("\x00", "")
    return shorten(storable)


def _request(error: BaseException) -> str | None:
    """Return the request (method, address, status) of an HTTP client's error; httpx and requests share the names."""
    try:
        request, response = error.request, getattr(error, "response", None)  # type: ignore[attr-defined]
        status = "" if response is None else f" answered {int(response.status_code)}"
        return _clean(f"{request.method} {request.url}{status}")
    except Exception:  # noqa: BLE001 - another kind of error, or one without a request
        return None


def _answer(error: BaseException) -> str | None:
    """Return the beginning of the answer in an HTTP client's error, if there is one.

    `text` is not used: in requests it might read from the network.
    """
    response = getattr(error, "response", None)
    if not isinstance(getattr(response, "status_code", None), int):
        return None
    content = getattr(response, "_content", None)
    text = _clean(content[:READ_LENGTH].decode("utf-8", "replace")) if isinstance(content, bytes) else ""
    return " ".join(text.split())[:ANSWER_LENGTH]


def place(error: BaseException, home: str) -> str:
    """Return the place of an error in the package of the module `home`: ` (handlers/crm.py line 12)`, or "".

    The place is the last line of the package in the traceback. The lines below it belong to code that the package
    called. If the traceback has no line of the package, that of the error's cause is used: a StopIteration in a
    coroutine needs this.
    """
    steps, cause = at_home(error, home), error.__cause__
    for _ in range(LEAVES):
        if steps or cause is None:
            break
        steps, cause = at_home(cause, home), cause.__cause__
    if not steps:
        return ""
    frame = steps[-1].tb_frame
    parts = frame.f_code.co_filename.replace("\\", "/").split("/")
    depth = frame.f_globals["__name__"].count(".") + 1 + (parts[-1] == "__init__.py")
    return f" ({'/'.join(parts[-depth:])} line {steps[-1].tb_lineno})"


def at_home(error: BaseException, home: str) -> list[TracebackType]:
    """Return the steps of an error's traceback that are in the package of the module `home`."""
    package = home.rpartition(".")[0] or home
    found, step = [], error.__traceback__
    while step is not None:
        if f"{step.tb_frame.f_globals.get('__name__')}.".startswith(f"{package}."):
            found.append(step)
        step = step.tb_next
    return found


def leaves(error: BaseException) -> list[BaseException]:
    """Return the first errors in an exception group that are not groups themselves. Return any other error alone."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting and len(found) < LEAVES:
        next_error = waiting.pop(0)
        if isinstance(next_error, BaseExceptionGroup):
            waiting[:0] = next_error.exceptions
        else:
            found.append(next_error)
    return found


def shown(value: object) -> str:
    """Return the first characters of a wrong value, for an error message."""
    try:
        return repr(value)[:80]
    except Exception:  # noqa: BLE001 - a library's __repr__
        return f"a {type(value).__name__}"
