"""`providers.endpoints`: a path can be shown, whatever ids are in it."""

import pytest

from receiver.providers.endpoints import template
from receiver.providers.transcribe_so.wire import path


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("me", "me"),
        ("transcriptions?after=2026-04-29&limit=200", "transcriptions"),
        (path(4821), "transcriptions/{id}"),
        (path(4821, "result") + "?include=segments", "transcriptions/{id}/result"),
        ("uploads/tus", "uploads/tus"),
        ("webhooks/test", "webhooks/test"),
        ("jobs/abcdef", "jobs/{id}"),
        ("jobs/a%2Fb", "jobs/{id}"),
        ("v1/upload/file/", "v1/upload/file/"),
        ("auth/token/delete/", "auth/token/delete/"),
        ("speech-to-text", "speech-to-text"),
        ("files/9f86d081884c7d65", "files/{id}"),
        ("files/Ticket", "files/{id}"),
        ("files/" + "a" * 40, "files/{id}"),
    ],
)
def test_an_id_and_the_query_are_not_shown(sent: str, shown: str) -> None:
    assert template(f"/api/v1/{sent}".encode(), b"/api/v1/") == shown


def test_a_path_that_is_not_below_the_apis_is_not_shown() -> None:
    assert template(b"/bucket/secret?ticket=1", b"/api/v1/") is None
