"""The outermost layer: what every answer says to browsers, and from where a request may come that changes something.

It asks nobody who they are: `app` does.

A page of another origin can make a browser send forms to us. Browsers say where a request comes from, and scripts
cannot change that: `Sec-Fetch-Site`. So a POST without it is refused too. Browsers leave it out over plain http, unless
the host is this machine.
"""

import ipaddress
import logging
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

SAME_ORIGIN = "same-origin"
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
LOOPBACK_NAME = "localhost"
PATH_CHARACTERS = 2000
FOREIGN = "This came from another site, so it was not done."
UNSAID = (
    "Your browser does not say where this comes from, so it was not done. Browsers say it over https, and over http to "
    "this machine alone: put https before the console."
)


def policy(media: str = "") -> str:
    """Return what a page may load: what we serve, and audio from `media`, an origin, if there is one."""
    more = f" {media}" if media else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"media-src 'self'{more}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


HEADERS: Mapping[str, str] = {
    "content-security-policy": policy(),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Gate:
    """Adds `HEADERS` to every answer that has none of its own, and refuses what must not come from elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        begun = False

        async def say(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = self._app
        if len(scope["path"]) > PATH_CHARACTERS:  # a number in it could be too long to be read
            app = PlainTextResponse("There is no such page.\n", status_code=404)
        elif scope["method"] not in ("GET", "HEAD") and (why := _why_not(Headers(scope=scope))) is not None:
            app = PlainTextResponse(f"{why}\n", status_code=403)
        try:
            await app(scope, receive, say)
        except Exception:
            if begun:
                raise
            log.exception("a bug in receiver: %s of the console failed", scope["path"])
            await PlainTextResponse("That did not work.\n", status_code=500)(scope, receive, say)


def _why_not(headers: Headers) -> str | None:
    site = headers.get("sec-fetch-site")
    if site == SAME_ORIGIN:
        return None
    return UNSAID if site is None else FOREIGN


def is_local(client: str | None, headers: Headers) -> bool:
    """Whether a request comes from this machine itself, and not through a proxy on it.

    The host must be a name of this machine too: another name might be a page's that points here.
    """
    host = headers.get("host", "").lower()
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return (
        _is_loopback(client or "")
        and (name == LOOPBACK_NAME or _is_loopback(name))
        and not any(header in headers for header in FORWARDED)
    )


def is_https(scheme: str, headers: Headers) -> bool:
    """Whether the browser came by https, as the proxy before us says."""
    return scheme == "https" or headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower() == "https"


def _is_loopback(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
