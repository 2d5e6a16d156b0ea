"""Read what the Timbr audio API answers, and its refusals. Pure.

The documents name the fields and show no answer, so what we do not need to go on can be missing or wrong:

what                is read as
─────────────────── ───────────────────────────────────────────────────────────────────────────────────────
the job of a start  `job_id`, or else `id`, at the top or below `data`
`result`            a link is any web address in it, whether it is a map of names or a list of objects
the name of a link  its key, or the `name` beside it, with the ending that the address has
a refusal           its status; where servers use one status for many things, its words
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, WrapValidator

from receiver.errors import ProviderError, ProviderUnavailable
from receiver.providers import files, lax, refusals
from receiver.providers.orders import Candidate, Seen

Model = TypeVar("Model", bound=BaseModel)

DEEPEST = 5  # levels of a result
WEB = ("https://", "http://")
OF_A_LINK = frozenset({"url", "link", "href", "download_url", "signed_url"})
SHARED = frozenset({400, 403, 422})  # statuses that a server can use for every refusal

MEANINGS = refusals.meanings({
    402: "insufficient|not.enough.credit|out.of.credit|payment",
    401: "unauthorized|not.authenticated|(invalid|expired|revoked).(token|api.?key)",
    404: "file.*not.(found|exist)",
})  # fmt: skip


def _or_none(value: Any, read: Any) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


_Lax = WrapValidator(_or_none)
_Id = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[!-~]*[!-\-/-~][!-~]*$")]  # not of dots alone
_Amount = Annotated[float | None, Field(ge=0, allow_inf_nan=False), _Lax]


class _Answer(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True, hide_input_in_errors=True)


class Ticket(_Answer):
    """A file that was announced, and where to send it."""

    file_id: _Id
    upload_url: SecretStr = Field(min_length=1)


class _Started(_Answer):
    job_id: Annotated[_Id | None, _Lax] = None
    id: Annotated[_Id | None, _Lax] = None


class Job(_Answer):
    """A job, as a look shows it."""

    job_id: Annotated[_Id | None, _Lax] = None
    id: Annotated[_Id | None, _Lax] = None
    type: Annotated[str | None, _Lax] = None
    status: str = Field(min_length=1)
    progress: _Amount = None
    cost: _Amount = None
    file_id: Annotated[str | None, _Lax] = None
    created_at: Annotated[datetime | None, _Lax] = None
    error: Any = None
    result: Any = None

    @property
    def name(self) -> str | None:
        """What it is called."""
        return self.job_id or self.id

    @property
    def created(self) -> datetime | None:
        """When it was created; a time without a zone is in UTC."""
        return _aware(self.created_at)

    def seen(self) -> Seen:
        """Return what it shows. A link is a ticket, so the answer itself is not kept."""
        word = self.status.strip().lower()
        if word == "completed":
            return Seen("completed", self.status, charged=self.cost, links=_links(self.result))
        if word == "failed":
            return Seen("failed", self.status, error=_said(self.error) or None)
        progress = None if self.progress is None else min(self.progress / 100, 1.0)
        return Seen("waiting", self.status, progress=progress)

    def candidate(self) -> Candidate | None:
        """Return it as the work that a lost answer might be about; None if it has no name."""
        if self.name is None:
            return None
        return Candidate(self.name, self.file_id, self.created, charged=self.cost, said=self.status)


def ticket(raw: bytes) -> Ticket:
    """Return where to send a file.

    Raises:
        ProviderUnavailable: it does not say (code `malformed_answer`).
    """
    return _read(Ticket, raw, "the answer to an upload names no file")


def started(raw: bytes) -> str:
    """Return what a job that was started is called.

    Raises:
        ProviderUnavailable: it does not say (code `malformed_answer`). Nobody knows whether there is a job.
    """
    top = lax.json_object(raw)
    outer, inner = (_Started.model_validate(one) for one in (top, _below(top)))
    found = outer.job_id or inner.job_id or inner.id or outer.id
    if found is None:
        raise _malformed("the answer to an order names no job")
    return found


def job(raw: bytes) -> Job:
    """Return a job.

    Raises:
        ProviderUnavailable: it is none (code `malformed_answer`).
    """
    return _read(Job, raw, "the answer to a look is no job")


def page(raw: bytes) -> tuple[list[Job], bool]:
    """Return the jobs on a page of the list, and whether there are more.

    Raises:
        ProviderUnavailable: it is no list (code `malformed_answer`).
    """
    top = lax.json_object(raw)
    answer = next((one for one in (top, _below(top)) if isinstance(one.get("jobs"), list)), None)
    if answer is None:
        raise _malformed("the answer is no list of jobs")
    jobs = list[Job]()
    for item in answer["jobs"]:
        try:
            jobs.append(Job.model_validate(item))
        except ValidationError:
            continue
    return jobs, answer.get("has_more") is True


def refusal(status: int, headers: Mapping[str, str], body: bytes, key: str = "") -> ProviderError:
    """Return the error for an unsuccessful answer; see `Source.refusal`."""
    answer = lax.json_object(body)
    said = ": ".join(text for name in ("detail", "error", "message") if (text := _said(answer.get(name))))
    told = refusals.meaning([said], MEANINGS) if status in SHARED else None
    return refusals.error(status, headers, [said], key, meant=told)


def _said(value: object) -> str:
    """Return the words of an error: a text, an object with one, or a list of such objects, each about a parameter."""
    if isinstance(value, list):
        return "; ".join(text for item in value[:20] if (text := _said(item)))
    if isinstance(value, dict):
        texts = (value.get(name) for name in ("message", "msg", "detail"))
        said = next((text for text in texts if isinstance(text, str)), "")
        place = value.get("loc")
        where = str(place[-1]) if isinstance(place, list) and place else ""
        return said if not said or where in said else f"{where}: {said}"
    return value if isinstance(value, str) else ""


def _below(answer: Mapping[str, Any]) -> dict[str, Any]:
    inner = answer.get("data")
    return inner if isinstance(inner, dict) else {}


def _read(kind: type[Model], raw: bytes, otherwise: str) -> Model:
    top = lax.json_object(raw)
    for answer in (top, _below(top)):
        try:
            return kind.model_validate(answer)
        except ValidationError:  # not chained: it shows the answer
            continue
    raise _malformed(otherwise)


def _malformed(why: str) -> ProviderUnavailable:
    return ProviderUnavailable(why, code="malformed_answer")


def _links(result: object) -> Mapping[str, SecretStr]:
    """Return the links in a result by their names."""
    found = dict[str, SecretStr]()
    for name, url in _named(result, "file"):
        found[files.unlike(found, _with_ending(name.strip(" .") or "file", url))] = SecretStr(url)
    return found


def _named(value: object, name: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield each link with its name."""
    if isinstance(value, str) and value.lower().startswith(WEB):
        yield name, value
    elif isinstance(value, list) and depth < DEEPEST:
        for item in value:
            yield from _named(item, name, depth + 1)
    elif isinstance(value, dict) and depth < DEEPEST:
        own = value.get("name")
        said = own if isinstance(own, str) else name
        for key, item in value.items():
            yield from _named(item, said if key in OF_A_LINK else key, depth + 1)


def _with_ending(name: str, url: str) -> str:
    try:
        ending = files.ending(urlsplit(url).path)
    except ValueError:
        return name
    return name if name.lower().endswith(ending.lower()) else f"{name}{ending}"
