"""A server that behaves as YouTube documents `videos.list`, `videos.update` and its tokens, on the loopback."""

import json
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.servers import Quiet

WRITTEN = ("title", "description", "tags", "categoryId", "defaultLanguage")  # of a snippet: the rest is for reading
LONGEST_DESCRIPTION = 5000  # bytes
COST = {"GET": 1, "PUT": 50}


class Videos(ThreadingHTTPServer):
    """The videos of a channel, and how much of the quota is left."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.snippets: dict[str, dict[str, Any]] = {}
        self.quota = 10_000
        self.refresh_token = "1//refresh"
        self.asked: list[str] = []


class _Answers(Quiet):
    server: Videos

    def answer(self) -> None:
        {"POST": self._refresh, "GET": self._list, "PUT": self._update}[self.command]()

    def _refresh(self) -> None:
        form = parse_qs(self.body().decode())
        if self.path != "/token" or form.get("grant_type") != ["refresh_token"]:
            self._say(400, {"error": "unsupported_grant_type"})
        elif form.get("refresh_token") != [self.server.refresh_token] or not form.get("client_secret"):
            self._say(400, {"error": "invalid_grant"})
        else:
            self._say(200, {"access_token": "ya29.token", "expires_in": 3599, "token_type": "Bearer"})

    def _list(self) -> None:
        if (asked := self._allowed()) is not None:
            number = asked.get("id", [""])[0]
            known = self.server.snippets.get(number)
            items = [] if known is None else [{"kind": "youtube#video", "id": number, "snippet": known}]
            self._say(200, {"kind": "youtube#videoListResponse", "items": items})

    def _update(self) -> None:
        body = json.loads(self.body())
        if self._allowed() is None:
            return
        given, known = body.get("snippet", {}), self.server.snippets.get(body.get("id"))
        if known is None:
            self._refuse(404, "videoNotFound")
        elif not given.get("title") or not given.get("categoryId"):
            self._refuse(400, "invalidTitle" if given.get("categoryId") else "invalidCategoryId")
        elif len(said := given.get("description", "").encode()) > LONGEST_DESCRIPTION or b"<" in said or b">" in said:
            self._refuse(400, "invalidDescription")
        else:
            kept = {name: value for name, value in known.items() if name not in WRITTEN}
            self.server.snippets[body["id"]] = kept | {name: given[name] for name in WRITTEN if name in given}
            self._say(200, body)

    def _allowed(self) -> dict[str, list[str]] | None:
        """Return what the address asks for; None if that was refused."""
        address = urlsplit(self.path)
        asked = parse_qs(address.query)
        self.server.asked.append(self.command)
        if self.headers["Authorization"] != "Bearer ya29.token":
            self._refuse(401, "authError")
        elif self.server.quota < COST[self.command]:
            self._refuse(403, "quotaExceeded")
        elif address.path != "/youtube/v3/videos" or asked.get("part") != ["snippet"]:
            self._refuse(400, "missingRequiredParameter")
        else:
            self.server.quota -= COST[self.command]
            return asked
        return None

    def _refuse(self, status: int, reason: str) -> None:
        errors = [{"message": "said for people", "domain": "youtube.video", "reason": reason}]
        self._say(status, {"error": {"code": status, "message": "said for people", "errors": errors}})

    def _say(self, status: int, answer: object) -> None:
        self.say(status, json.dumps(answer).encode(), Content_Type="application/json")


class Redirected(httpx.AsyncHTTPTransport):
    """Sends what is meant for Google to the server here."""

    def __init__(self, videos: Videos) -> None:
        super().__init__()
        self._port = videos.server_port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host in ("www.googleapis.com", "oauth2.googleapis.com")
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        return await super().handle_async_request(request)
