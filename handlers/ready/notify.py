"""Tell people what happened, by chat, push or e-mail, through the library apprise (extra `notify`).

Each address of `RECEIVER_NOTIFY` has a handler of its own, named for its scheme: `notify:slack`, `notify:ntfy`, and
`notify:ntfy-2` for a second one. So one that fails repeats nothing at the others.

People are told at least once: a worker that dies after the service has taken a message and before that is written
down tells them again. The services know no key by which they could ignore it, so the text says the event's id.

The library returns no more than that it failed. The job is tried again by the usual policy, and is dead after its
tries. What the library logs can hold an address, so nothing of it is logged here; of its words only the status is kept,
and the kind of the failure. A service that hangs must not take the lanes of all other handlers: until it answers, each
worker sends it one message at a time (`Line`).
"""

import logging
import re
import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from receiver import Context, Event, GiveUp, Handler, Retry, handler, reason, setting

from ._line import Line

TIMEOUT_SECONDS = 30.0  # services have 4 s to connect and 4 s to answer, servers of e-mail 15 s
SLOW_SECONDS = 3.0  # what fails later than that hangs
MOST_TITLE, MOST_DETAIL, MOST_TEXT = 200, 500, 2000  # characters
WORKS = ("transcription", "translation", "separation", "enhancement")
UNKNOWN, OVERDUE = "submission.unknown", "submission.overdue"
DEAD, COSTS = "receiver.dead", "receiver.costs"
TYPES = {
    "ready": tuple(f"{work}.completed" for work in WORKS),
    "failed": (*(f"{work}.failed" for work in WORKS), UNKNOWN, OVERDUE),
    "dead": (DEAD,),
    "costs": (COSTS,),
}
KINDS = {UNKNOWN: "A person must decide", OVERDUE: "Overdue", DEAD: "Dead letters"}

_STATUS = re.compile(r"\berror=([1-5][0-9]{2})\b|Exception: \(([45][0-9]{2}), b")  # the second one is of e-mail
_FAILURES = {  # in the words of Python and its libraries
    "the name of its host is not known": re.compile("NameResolution|getaddrinfo|name resolution|Name or service"),
    "TLS failed, often for its certificate": re.compile("SSL|CERTIFICATE_VERIFY"),
    "it refuses connections": re.compile("refused", re.IGNORECASE),
    "no answer in time": re.compile("timed? ?out", re.IGNORECASE),
    "there is no way to it": re.compile("unreachable|no route", re.IGNORECASE),
}
# With these a title could call people, as Slack's <!here>, Discord's @everyone and <@1>, Mattermost's @bob and Zulip's
# @**all** do, or hide where a link leads: [words](address).
_CALL = re.compile(
    r"(?<=<)(?=[!@#])|(?<=@)(?=everyone|here|channel|all)|(?<=(?<![\w.+-])@)(?=\S)|(?<=\])(?=\()", re.IGNORECASE
)
APPRISE = "apprise"
_SPOKEN = (APPRISE, "urllib3.connectionpool", "urllib3.util.retry", "requests_oauthlib.oauth1_session")


class Ear(logging.Filter):
    """Keeps what is logged while we notify out of the log, and hears why it has failed: in words without a secret.

    The library works in threads of its own, which have the context of the one that calls it. It says why in lines for
    debugging, so its logger makes them all; those of others go on only if they would without us.
    """

    heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        heard = self.heard.get()
        if heard is not None:
            heard += _reasons(record.getMessage())
        return heard is None and (record.name != APPRISE or record.levelno >= logging.getLogger().level)


EAR = Ear()


def made(addresses: Sequence[str], occasions: Sequence[str], *, slow: float = SLOW_SECONDS) -> dict[str, Handler]:
    """Return the handler of each address, by names that variables can have.

    `slow` is how many seconds a failure can take before the service counts as one that hangs.
    """
    patterns = [pattern for one in occasions for pattern in TYPES[one.partition(":")[0]]]
    names, found = list[str](), dict[str, Handler]()
    for number, address in enumerate(addresses):
        scheme = address.partition("://")[0].lower()
        names.append(scheme)
        twin = names.count(scheme)
        name = f"notify:{scheme}" if twin == 1 else f"notify:{scheme}-{twin}"
        found[f"notify_{number}"] = _handler(name, address, list(dict.fromkeys(patterns)), slow)
    return found


def _handler(name: str, address: str, patterns: Sequence[str], slow: float) -> Handler:
    line = Line()

    @handler(*patterns, name=name, needs="RECEIVER_NOTIFY", timeout=TIMEOUT_SECONDS)
    def notify(event: Event, ctx: Context) -> None:
        fields = told(event, ctx.account.account)
        text = (ctx.setting("RECEIVER_NOTIFY_TEXT") or "").format(**fields)[:MOST_TEXT]
        with line.turn("the service"):
            began = time.monotonic()
            try:
                _send(name, address, fields["kind"], text)
                line.hangs = False
            except Retry:
                line.hangs = time.monotonic() - began > slow
                raise
        ctx.log.info("notified of %s", event.type)

    return notify


def told(event: Event, account: str) -> dict[str, str]:
    """Return what a text can say of an event, by the fields of the template. Each is one line, and bounded."""
    data, about = event.shown, event.transcription
    work, _, end = event.type.partition(".")
    if event.type == COSTS:
        kind = f"Costs passed {_amount(_part(data, 'costs').get('threshold'))} USD"
    elif end == "completed":
        kind = f"{'Transcript' if work == WORKS[0] else work.capitalize()} ready"
    else:
        kind = KINDS.get(event.type, f"{work.capitalize()} failed")
    of_a_notice = _part(data, "dead").get("handler") or _part(data, "costs").get("month")
    title = event.title or of_a_notice or about.id or event.id
    return {
        "kind": kind,
        "title": _line(title, MOST_TITLE),
        "detail": _line(_detail(event, data), MOST_DETAIL),
        "source": event.source,
        "account": _line(account, MOST_TITLE),
        "id": _line(about.id or _part(data, "submission").get("id") or event.id, MOST_TITLE),
        "type": event.type,
    }


def _detail(event: Event, data: Mapping[str, Any]) -> str:
    submission, dead, costs = (_part(data, name) for name in ("submission", "dead", "costs"))
    match event.type:
        case "receiver.dead":
            number, since = dead.get("jobs"), str(dead.get("since") or "")[:16].replace("T", " ")
            jobs = "1 job has" if number == 1 else "jobs have" if number is None else f"{number} jobs have"
            when = f" since {since} UTC, the last: {dead.get('error')}" if since else ""
            return f"{jobs} died{when}; `receiver dead` shows them"
        case "receiver.costs":
            return f"{_amount(costs.get('amount'))} USD in {costs.get('month')} so far"
        case "submission.unknown":
            return f"nobody knows whether it was carried out; `receiver resolve {submission.get('id')}` says more"
        case "submission.overdue":
            return "it takes much longer than usual, and is still looked at"
    if event.type.endswith(".failed"):
        return reason(event)
    seconds, language = event.transcription.duration_seconds, event.transcription.language
    length = None if seconds is None else f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"  # noqa: PLR2004 - a minute
    return ", ".join(one for one in (length, language) if one and one != "auto") or "finished"


def _part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def _amount(value: object) -> str:
    return f"{value:,.2f}".removesuffix(".00") if isinstance(value, int | float) else "?"


def _line(value: object, most: int) -> str:
    """Return a stranger's text as one bounded line that calls nobody."""
    text = "".join(one if one.isprintable() else " " for one in str(value or "")[: 2 * most])
    text = " ".join(text.split())
    return _CALL.sub("\u200b", text if len(text) <= most else f"{text[: most - 1]}…")


def _reasons(said: str) -> list[str]:
    """Return why a service has not taken a message, as far as a line of the library tells: no word of it is kept."""
    status = _STATUS.search(said)
    if status is not None:
        return [f"the service answered {status[1] or status[2]}"]
    return [f"the service cannot be reached: {why}" for why, words in _FAILURES.items() if words.search(said)][:1]


def _send(name: str, address: str, title: str, text: str) -> None:
    """Send a message to an address, for the handler of a name.

    Raises:
        GiveUp: the library cannot use the address.
        Retry: it has failed.
    """
    import apprise  # noqa: PLC0415 - only where it is used: it takes a while

    for spoken in _SPOKEN:
        logging.getLogger(spoken).addFilter(EAR)  # it is added once
    logging.getLogger(APPRISE).setLevel(logging.DEBUG)
    heard, failure, is_usable, is_sent = list[str](), "", True, False
    before = EAR.heard.set(heard)
    try:
        # Where a redirect leads is not the operator's choice: it can be a private address.
        asset = apprise.AppriseAsset(
            app_id="receiver", app_desc="receiver", image_url_mask="", image_url_logo="", http_redirects=False
        )
        sender = apprise.Apprise(asset=asset)
        is_usable = sender.add(address)
        is_sent = is_usable and bool(sender.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT))
    except Exception as exc:  # noqa: BLE001 - a plugin's, whose words can hold the address
        failure = f"apprise failed: {type(exc).__name__}"
    finally:
        EAR.heard.reset(before)
    if not is_usable:
        again = f"correct RECEIVER_NOTIFY, then `receiver replay --dead --handler {name}`"
        raise GiveUp(f"apprise cannot use the address: {again}")
    if not is_sent:
        raise Retry(failure or (heard[-1] if heard else "the service did not take it"))


globals().update(made((setting("RECEIVER_NOTIFY") or "").split(), (setting("RECEIVER_NOTIFY_ON") or "").split(",")))
