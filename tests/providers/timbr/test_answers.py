"""`receiver.providers.timbr.answers`: words, links and times, however they are told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from receiver.providers.timbr.answers import LONGEST_LIFE, UNKNOWN_LIFE, TaskAnswer, TokenAnswer, moment

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(("word", "state"), [
    ("completed", "completed"), ("Done", "completed"), (" SUCCESS ", "completed"), ("FAILED", "failed"),
    ("error", "failed"), ("Cancelled", "failed"), ("FAILURE", "failed"), ("processing", "waiting"),
    ("not_completed", "waiting"), ("1", "waiting"), ("a word of tomorrow", "waiting"),
])  # fmt: skip
def test_a_word_that_nobody_knows_ends_nothing(word: str, state: str) -> None:
    seen = TaskAnswer(status=word, error_message="why").seen()
    assert (seen.state, seen.said, seen.error) == (state, word, "why" if state == "failed" else None)


@pytest.mark.parametrize(("assets", "names"), [
    ([("talk", "srt")], ["talk.srt"]),
    ([("talk.srt", "srt"), ("TALK.SRT", ".srt")], ["talk.srt", "TALK.SRT"]),
    ([("stem", "wav"), ("stem", "wav"), ("stem.wav", "wav")], ["stem.wav", "stem-2.wav", "stem-3.wav"]),
    ([("stem", "wav"), ("stem-2", "wav"), ("stem", "wav")], ["stem.wav", "stem-2.wav", "stem-3.wav"]),
    ([("../../etc/x", "wav"), ("a\\b\n", None)], ["/../etc/x.wav", "a\\b\n"]),
    ([(None, "wav"), ("", ""), ("..", None)], ["file.wav", "file", "file-2"]),
])  # fmt: skip
def test_files_have_names_that_differ(assets: list[tuple[Any, Any]], names: list[str]) -> None:
    told = [{"name": name, "extension": ending, "link": f"l{n}"} for n, (name, ending) in enumerate(assets)]
    links = TaskAnswer(status="done", output_assets=told).seen().links
    assert [(name, link.get_secret_value()) for name, link in links.items()] == [
        (name, f"l{n}") for n, name in enumerate(names)
    ]


@pytest.mark.parametrize("assets", [None, [], "x", [5, {}, {"link": None}, {"link": ""}, {"name": "a"}]])
def test_what_has_no_link_is_no_file(assets: object) -> None:
    assert TaskAnswer(status="done", output_assets=assets).seen().links == {}


@pytest.mark.parametrize(("told", "found"), [
    ("2026-05-04T12:00:00Z", NOON), ("2026-05-04T12:00:00", NOON), ("2026-05-04T14:00:00+02:00", NOON),
    (NOON.timestamp(), NOON), (str(int(NOON.timestamp())), NOON), (NOON.timestamp() * 1000, NOON),
    (86400, None), (0, None), ("soon", None), ("", None), (None, None), (True, None), (1e300, None), ("1e999", None),
    ([], None), (10**400, None),
])  # fmt: skip
def test_a_time_is_read_however_it_is_told(told: object, found: datetime | None) -> None:
    assert moment(told) == found


@pytest.mark.parametrize(("told", "life"), [
    (3600, HOUR), ("3600", HOUR), (86400, DAY), (86_400_000, DAY), (30 * 86400, 30 * DAY), (1e300, LONGEST_LIFE),
    (None, UNKNOWN_LIFE), (0, UNKNOWN_LIFE), (-5, UNKNOWN_LIFE), ("text", UNKNOWN_LIFE),
])  # fmt: skip
def test_a_life_is_in_seconds_unless_it_would_be_too_long(told: object, life: timedelta) -> None:
    assert TokenAnswer.model_validate({"access_token": "a", "expires_in": told}).life == life
