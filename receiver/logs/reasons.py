"""What is kept and shown of an error: one storable text with its place, and no secret. Pure."""

from types import TracebackType

from receiver.errors import ImpossibleError, ProviderError, Verdict
from receiver.logs.redaction import shorten

REASON_LENGTH = 2000
LOOKED_AT = 50 * REASON_LENGTH  # of an error's text, which may be of any length
ANSWER_LENGTH = 200
LEAVES = 20  # of an exception group
TOLD_LEAVES = 3


# What a handler's frequent slips look like, and what they come of.
SLIPS = (
    ("coroutine", "was `await` forgotten, or in a plain `def` `ctx.wait(…)`?"),
    ("_AsyncGeneratorContextManager", "was `async` forgotten in front of `with`?"),
)


def describe(error: BaseException, home: str = "") -> str:
    """Return an error as one storable text, with its place in the package of the module `home`.

    PostgreSQL refuses NUL and half surrogate pairs. Of addresses only scheme and host are kept: the rest may be a
    secret.
    """
    try:
        told = [_described(leaf, home) for leaf in leaves(error)[:TOLD_LEAVES]]
        if isinstance(error, BaseExceptionGroup):
            return _cut(f"{type(error).__name__}: {_text(error)}: {'; '.join(told)}")
        return told[0]
    except BaseException:  # noqa: BLE001 - a stranger's attributes, which may raise SystemExit too
        return type(error).__name__


def plain(text: str) -> str:
    """Return a text that every database holds, whatever its encoding."""
    return text.encode("ascii", "replace").decode("ascii").replace("\x00", "")[:REASON_LENGTH]


def _described(error: BaseException, home: str) -> str:
    name, said = type(error).__name__, _text(error)
    if isinstance(error, Verdict | ProviderError | ImpossibleError) and said:
        return _cut(said)  # written for people, by a handler, by the provider or by us
    answer = _answer(error)
    parts = [name, _request(error), said if answer is None else answer, _slip(error, said)]
    return _cut(": ".join(filter(None, parts)), place(error, home))


def _slip(error: BaseException, said: str) -> str | None:
    if not isinstance(error, AttributeError | TypeError):
        return None
    return next((hint for word, hint in SLIPS if word in said), None)


def _cut(text: str, end: str = "") -> str:
    return text[: REASON_LENGTH - len(end)] + end


def _text(error: BaseException) -> str:
    try:
        return _clean(str(error))
    except BaseException:  # noqa: BLE001 - a stranger's __str__, which may raise SystemExit too
        return ""


def _clean(text: str) -> str:
    storable = str.encode(text[:LOOKED_AT], "utf-8", "replace").decode("utf-8").replace("\x00", "")
    return shorten(storable)


def _request(error: BaseException) -> str | None:
    """Return what was asked of whom where an HTTP client's error says it; httpx and requests share the names."""
    try:
        request, response = error.request, getattr(error, "response", None)  # type: ignore[attr-defined]
        status = "" if response is None else f" answered {int(response.status_code)}"
        return _clean(f"{request.method} {request.url}{status}")
    except Exception:  # noqa: BLE001 - it is no such error, or one that knows no request
        return None


def _answer(error: BaseException) -> str | None:
    """Return the beginning of the answer that an HTTP client's error is about, where there is one.

    Not its `text`, which for requests may read from the network.
    """
    response = getattr(error, "response", None)
    if not isinstance(getattr(response, "status_code", None), int):
        return None
    content = getattr(response, "_content", None)
    said = _clean(content[:LOOKED_AT].decode("utf-8", "replace")) if isinstance(content, bytes) else ""
    return " ".join(said.split())[:ANSWER_LENGTH]


def place(error: BaseException, home: str) -> str:
    """Return where in the package of the module `home` an error was raised, ` (handlers/crm.py line 12)`, or nothing.

    It is the last line there that the traceback names: what it called lies elsewhere. Where none is, its cause's: of a
    `next` that finds nothing in a coroutine only that knows.
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
    """Return the steps of an error's traceback that lie in the package of the module `home`."""
    package = home.rpartition(".")[0] or home
    found, step = [], error.__traceback__
    while step is not None:
        if f"{step.tb_frame.f_globals.get('__name__')}.".startswith(f"{package}."):
            found.append(step)
        step = step.tb_next
    return found


def leaves(error: BaseException) -> list[BaseException]:
    """Return what an exception group holds at the ends of its branches, as far as it matters; another one alone."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting and len(found) < LEAVES:
        one = waiting.pop(0)
        if isinstance(one, BaseExceptionGroup):
            waiting[:0] = one.exceptions
        else:
            found.append(one)
    return found


def shown(value: object) -> str:
    """Return a value that somebody put in the wrong place as a few characters of one line."""
    try:
        return repr(value)[:80]
    except Exception:  # noqa: BLE001 - a stranger's __repr__
        return f"a {type(value).__name__}"
