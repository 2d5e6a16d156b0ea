"""Make pages of templates. What comes from outside can do no harm in one.

Every value is escaped for HTML. Characters that steer a terminal or turn the direction of text around are shown as
escapes, so that a title looks like what it is.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, NamedTuple
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from receiver.console import gate
from receiver.console.charts import bars, first_day
from receiver.inbox.jobs import counted
from receiver.logs import clock
from receiver.logs.redaction import without_queries, without_query
from receiver.submissions.costs import amount

NAV = (
    ("/", "Now"),
    ("/events", "Events"),
    ("/dead", "Dead"),
    ("/transcripts", "Transcripts"),
    ("/submissions", "Submissions"),
    ("/costs", "Costs"),
    ("/refused", "Refused"),
    ("/settings", "Settings"),
)
TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}

# Controls but tab and line ends, marks and overrides of direction, halves of surrogate pairs, non-characters, tags.
_ODD = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
    "\U000e0000-\U000e007f]"
)
_CODE = re.compile("`([^`]+)`")


class Asset(NamedTuple):
    """A file that pages load: its content, its type, and what tells its versions apart."""

    content: bytes
    type: str
    version: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return every file that pages load, by name. They are read once: this process can outlive an upgrade."""
    found = {}
    for file in resources.files("receiver.console").joinpath("assets").iterdir():
        kind = TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            content = file.read_bytes()
            found[file.name] = Asset(content, kind, hashlib.sha256(content).hexdigest()[:12])
    return found


def shown(text: str) -> str:
    """Return text in which every character that could deceive is an escape."""
    return _ODD.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def render(
    request: Request, template: str, *, status: int = 200, live: bool = False, media: str = "", **values: Any
) -> HTMLResponse:
    """Return a page.

    Args:
        request: for which.
        template: its file under `templates/`.
        status: of the answer.
        live: whether it changes while it is open, for whoever is signed in. Without scripts it loads itself again
            where its template sets `again`, to seconds.
        media: an origin whose audio it may play.
        values: what the template shows.
    """
    headers = {"content-security-policy": gate.policy(media)} if media else {}
    role = getattr(request.state, "role", None)
    text = (
        environment()
        .get_template(template)
        .render(path=request.url.path, here=here(request), role=role, live=live and role is not None, **values)
    )
    return HTMLResponse(text, status_code=status, headers=headers)


def here(request: Request) -> str:
    """Return a request's path with its query."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


@cache
def environment() -> Environment:
    """Return the templates, all of them read."""
    made = Environment(
        loader=PackageLoader("receiver.console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False, finalize=_harmless,
    )  # fmt: skip
    made.filters |= {
        "ago": ago, "clock": clock, "code": code, "iso": iso, "lines": lines, "number": number,
        "amount": amount, "span": span, "size": size, "counted": up_to,
        "address": without_query, "addresses": addresses, "exact": escape, "many": many,
    }  # fmt: skip
    made.globals |= {
        "again": None,
        "nav": NAV,
        "asset": _asset,
        "bars": bars,
        "first_day": first_day,
        "query": with_query,
    }
    for name in made.list_templates(extensions=["html"]):
        made.get_template(name)
    return made


def with_query(path: str, values: Mapping[str, object]) -> str:
    """Return an address with those values that are not empty; a list is repeated."""
    given = {name: value for name, value in values.items() if value not in (None, "", False, [])}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


# --- filters ---------------------------------------------------------------------------------------------------------


def ago(moment: datetime | None) -> str:
    """Return how long ago a moment is."""
    return "never" if moment is None else f"{span(datetime.now(UTC) - moment)} ago"


def iso(moment: datetime) -> str:
    """Return a moment for programs."""
    return moment.astimezone(UTC).isoformat()


def span(length: timedelta | float | None) -> str:
    """Return a length of time, given in seconds or as a `timedelta`, in its largest whole unit."""
    if length is None:
        return "-"
    seconds = max(0.0, length.total_seconds() if isinstance(length, timedelta) else length)
    for most, divisor, unit in ((1, 0.001, "ms"), (120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < most:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def number(value: float) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def many(value: float, name: str) -> str:
    """Return how many there are of what has a name."""
    return f"{number(value)} {name}{'' if value == 1 else 's'}"


def up_to(value: int) -> str:
    """Return a number that was counted up to a bound, with its thousands apart."""
    return counted(value).replace(str(value), f"{value:,}")


def size(value: float) -> str:
    """Return a size in bytes."""
    for least, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "KB")):
        if value >= least:
            return f"{value / least:,.1f} {unit}"
    return f"{value:,.0f} bytes"


def addresses(value: object, *known: str) -> object:
    """Return text in which addresses are shortened, as `without_queries` does it."""
    return without_queries(value, *known) if isinstance(value, str) and not isinstance(value, Markup) else value


def lines(text: str) -> Markup:
    """Return text of several lines for an element that keeps them."""
    return escape(shown(text))


def code(text: str) -> Markup:
    """Return a sentence in which what stands between backticks is a command, and addresses are shortened."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(shown(without_queries(text))))))  # noqa: S704 - it is escaped


def _harmless(value: object) -> object:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _asset(name: str) -> str:
    return f"/assets/{name}?v={assets()[name].version}"
