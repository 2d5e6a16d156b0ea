"""Every page and everything that a page can do, with who may."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from receiver.console import access
from receiver.console.access import Role
from receiver.console.pages import (
    costs,
    dead,
    event,
    events,
    files,
    now,
    refused,
    replays,
    settings,
    sign_in,
    submissions,
    submit,
    transcript,
    transcripts,
)
from receiver.console.state import Console

Endpoint: TypeAlias = Callable[[Request, Console], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A route.

    Attributes:
        need: what its caller must be allowed to do; None: everybody may call it.
    """

    method: Literal["GET", "POST"]
    path: str
    endpoint: Endpoint
    need: Role | None


def _look(path: str, endpoint: Endpoint) -> Entry:
    return Entry("GET", path, endpoint, Role.READER)


def _act(path: str, endpoint: Endpoint) -> Entry:
    return Entry("POST", path, endpoint, Role.OPERATOR)


ROUTES: Sequence[Entry] = (
    Entry("GET", "/assets/{name}", files.asset, None),
    Entry("GET", "/healthz", files.alive, None),
    Entry("GET", access.PATH, sign_in.show, None),
    Entry("POST", access.PATH, sign_in.by_token, None),
    Entry("POST", "/sign-out", sign_in.out, Role.READER),
    _look("/changes", files.changes),
    _look("/", now.show),
    _look("/events", events.show),
    _look("/events/{key:int}", event.show),
    _look("/events/{key:int}/raw", event.raw),
    _act("/events/{key:int}/replay", event.replay),
    _look("/events/{key:int}/drop", event.ask_drop),
    _act("/events/{key:int}/drop", event.drop),
    _look("/dead", dead.show),
    _look("/dead/replay", dead.ask_replay),
    _act("/dead/replay", dead.replay),
    _look("/dead/drop", dead.ask_drop),
    _act("/dead/drop", dead.drop),
    _look("/replays", replays.show_all),
    _look("/replays/{id:int}", replays.show),
    _act("/replays/{id:int}/cancel", replays.cancel),
    _act("/replays/{id:int}/resume", replays.resume),
    _look("/transcripts", transcripts.show),
    _look("/transcripts/{source}/{id}", transcript.show),
    _look("/transcripts/{source}/{id}/download/{format}", transcript.download),
    _look("/submissions", submissions.show),
    Entry("GET", "/submissions/new", submit.new, Role.OPERATOR),
    _act("/submissions/new", submit.hand_in),
    Entry("GET", "/submissions/drafts/{draft}", submit.show, Role.OPERATOR),
    _act("/submissions/drafts/{draft}", submit.submit),
    _act("/submissions/drafts/{draft}/drop", submit.drop),
    _look("/submissions/{id}", submissions.one),
    _look("/submissions/{id}/artifacts/{name}", submissions.file),
    Entry("GET", "/submissions/{id}/resolve", submissions.ask, Role.OPERATOR),
    _act("/submissions/{id}/resolve", submissions.resolve),
    _look("/costs", costs.show),
    _look("/costs.csv", costs.table),
    _look("/refused", refused.show),
    _look("/settings", settings.show),
    _act("/settings/test-event", settings.test_event),
)
