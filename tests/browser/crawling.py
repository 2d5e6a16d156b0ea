"""Every page that links and forms lead to, found like a person finds it: one page for each route."""

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
from starlette.routing import compile_path

from receiver.console.rendering import NAV
from receiver.console.routes import ROUTES

HTML = "text/html"
# Pages that are no pages: a stream without an end.
STREAMS = ("/changes",)
MOST_OF_A_ROUTE = 20  # pages of one route whose links are followed: not each of them links all that one can link


class Links(HTMLParser):
    """The addresses in a page: those of links and recordings, and those of forms that only ask."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._form: str | None = None
        self._fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "a" and "href" in given:
            self.found.append(given["href"])
        elif tag == "audio" and "src" in given:
            self.found.append(given["src"])
        elif tag == "form" and given.get("method", "get").lower() == "get":
            self._form, self._fields = given.get("action", ""), {}
        elif (
            tag in ("input", "button") and self._form is not None and "name" in given and given.get("type") != "search"
        ):
            self._fields.setdefault(given["name"], given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form is not None:
            self.found.append(f"{self._form}?{urlencode(self._fields)}" if self._fields else self._form)
            self._form = None


def route_of(address: str) -> str | None:
    """Return the path of the GET route that answers an address; None if none does."""
    path = urlsplit(address).path
    for entry in ROUTES:
        if entry.method == "GET" and compile_path(entry.path)[0].match(path):
            return entry.path
    return None


class Found(NamedTuple):
    """What links and forms lead to.

    Attributes:
        pages: an address for each route that answers with a page.
        downloads: the same for what is no page.
        broken: addresses that lead to nothing, with the page that links them.
    """

    pages: dict[str, str]
    downloads: dict[str, str]
    broken: dict[str, str]


def crawl(http: httpx.Client, *begun: str) -> Found:
    """Follow the links and forms of the first pages and of what was begun, and those of the pages they lead to."""
    waiting = {place: "the navigation" for place, _ in NAV} | dict.fromkeys(begun, "what was begun")
    seen, followed, found = set[str](), Counter[str](), Found({}, {}, {})
    while waiting:
        address = next(iter(waiting))  # the oldest: what is near comes first
        whence = waiting.pop(address)
        seen.add(address)
        route = route_of(address)
        if route in STREAMS or followed[str(route)] >= MOST_OF_A_ROUTE:
            continue
        followed[str(route)] += 1
        with http.stream("GET", address) as answer:
            is_page = answer.headers.get("content-type", "").startswith(HTML)
            text = answer.read().decode() if is_page else ""
        if route is None or answer.status_code not in (httpx.codes.OK, httpx.codes.SEE_OTHER):
            found.broken[address] = f"{answer.status_code}, from {whence}"
            continue
        (found.pages if is_page else found.downloads).setdefault(route, address)
        waiting |= {place: address for place in _here(address, text) if place not in seen}
    return found


def _here(address: str, text: str) -> Iterator[str]:
    """Yield the addresses of ours in a page, without fragments."""
    links = Links()
    links.feed(text)
    for found in links.found:
        parts = urlsplit(urljoin(f"http://here{address}", found))
        if parts.netloc == "here" and parts.path != "/sign-in":
            yield parts._replace(scheme="", netloc="", fragment="").geturl()


def unreached(found: Found) -> set[str]:
    """Return the routes for people that were not reached."""
    wanted = {entry.path for entry in ROUTES if entry.method == "GET" and entry.need is not None}
    return wanted - set(found.pages) - set(found.downloads) - set(STREAMS)
