"""A console on a real database, and people with browsers before it, over ASGI."""

from html.parser import HTMLParser
from typing import Any

import httpx

from receiver import settings
from receiver.console import access
from receiver.console.app import application
from receiver.console.state import Console
from receiver.settings import Settings

PORT = 8080
HERE = f"http://127.0.0.1:{PORT}"
ELSEWHERE = "https://console.example.com"
API_URL = "https://api.example.com"
TOKEN, READ_TOKEN = "an-operators-token", "a-readers-token-1"


INLINE = {"a", "bdi", "b", "em", "mark", "strong", "span", "code", "time"}


class Shown(HTMLParser):
    """A page as a browser sees it: its elements with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in INLINE:
            self._text.append(" ")

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self._text).split())

    def values(self, tag: str, attribute: str) -> list[str]:
        """Return what an attribute is in each element that has it."""
        return [found for name, given in self.elements if name == tag and (found := given.get(attribute)) is not None]


class Person(httpx.AsyncClient):
    """Somebody with a browser, which says that each request comes from our own pages."""

    async def page(self, path: str, *, status: int = 200, **given: Any) -> Shown:
        """Return a page. `given`: what else the request has, as `get` takes it."""
        answer = await self.get(path, **given)
        assert answer.status_code == status, answer.text
        return Shown(answer.text)

    async def submit(self, path: str, **fields: str) -> httpx.Response:
        """Send a form."""
        return await self.post(path, data=fields)


class Asked:
    """A console, and who asks it.

    Args:
        url: its database.
        handlers: of this installation.
        variables: settings, beside those that a test has.
    """

    def __init__(self, url: str, *, handlers: Any = None, **variables: str) -> None:
        given: dict[str, Any] = {
            "DATABASE_URL": url, "TRANSCRIBE_API_URL": API_URL, "RECEIVER_CONSOLE_TOKEN": TOKEN,
            "RECEIVER_CONSOLE_READ_TOKEN": READ_TOKEN,
        }  # fmt: skip
        self.configured: Settings = settings.load(**(given | variables))
        self.console = Console(self.configured, url, handlers or {}, port=PORT)
        self.app = application(self.console)
        self._people: list[Person] = []

    def nobody(self, *, base: str = HERE, client: str = "127.0.0.1", **headers: str) -> Person:
        """Return somebody who is not signed in."""
        person = Person(
            transport=httpx.ASGITransport(self.app, client=(client, 1)), base_url=base,
            headers={"Sec-Fetch-Site": "same-origin", **headers},
        )  # fmt: skip
        self._people.append(person)
        return person

    async def operator(self) -> Person:
        """Return somebody who has opened a link on this machine."""
        person = self.nobody()
        assert (await person.get((await self.console.access()).link(""))).status_code == 200
        return person

    async def reader(self) -> Person:
        """Return somebody who may look only."""
        return await self.by_token(READ_TOKEN)

    async def by_token(self, token: str) -> Person:
        """Return somebody elsewhere who has signed in with a token."""
        person = self.nobody(base=ELSEWHERE, client="203.0.113.7", **{"X-Forwarded-Proto": "https"})
        answer = await person.submit(access.PATH, token=token)
        assert answer.status_code == 303, answer.text
        return person

    async def close(self) -> None:
        """End everything."""
        for person in self._people:
            await person.aclose()
        self.console.close()
