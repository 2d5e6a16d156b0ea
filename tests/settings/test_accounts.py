"""`receiver.settings.accounts`: an account is found by its source and its name, or it is said how to make it."""

import os

import pytest

from receiver import settings
from receiver.errors import ImpossibleError
from receiver.settings import environment
from receiver.settings.accounts import SOURCES


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if environment.is_of_a_provider(name):
            monkeypatch.delenv(name)


def test_an_account_is_chosen_by_its_name() -> None:
    configured = settings.load(TRANSCRIBE_API_KEY__BIG_SHOW="x")
    assert configured.choosing("big-show").account().name == "big-show"
    assert configured.choosing("big-show").choosing("default").chosen.name == configured.chosen.name == "default"
    with pytest.raises(ImpossibleError, match="TRANSCRIBE_API_KEY is not set"):
        configured.account()
    with pytest.raises(ImpossibleError) as refused:
        configured.choosing("small-show")
    assert str(refused.value) == (
        "there is no account small-show of transcribe.so; there are: default, big-show. "
        "TRANSCRIBE_API_KEY__SMALL_SHOW makes one"
    )


@pytest.mark.parametrize(("variables", "names"), [
    ({}, ["default"]),
    ({"TRANSCRIBE_API_KEY__A": "x"}, ["a"]),
    ({"TRANSCRIBE_API_KEY": "y", "TRANSCRIBE_API_KEY__A": "x"}, ["default", "a"]),
    ({"TRANSCRIBE_WEBHOOK_SECRET": "w", "TRANSCRIBE_API_KEY__A": "x"}, ["default", "a"]),
])  # fmt: skip
def test_nothing_is_expected_of_a_default_account_that_only_others_stand_beside(
    variables: dict[str, str], names: list[str]
) -> None:
    assert [one.chosen.name for one in settings.load(**variables).in_use] == names


def test_what_is_said_of_an_account_names_it_unless_it_is_the_default_one() -> None:
    found = settings.load(TRANSCRIBE_API_KEY__A="x").accounts
    assert [(one.option, one.mark) for one in found] == [("", ""), (" --account a", " (a)")]


def test_an_account_is_found_by_its_source_and_its_name() -> None:
    configured = settings.load(
        TRANSCRIBE_API_KEY__A="of_transcribe",
        TIMBR_API_KEY="k",
        TIMBR_API_KEY__A="of_timbr",
        OPENAI_API_URL="http://o.test",
    )
    found = configured.account_of("timbr", "a")
    assert (found.source, found.name, found.key and found.key.get_secret_value()) == ("timbr", "a", "of_timbr")
    assert configured.account_of("transcribe.so", "a").source == "transcribe.so"
    assert configured.account_of("openai", "default").key is None


TIMBR = "TIMBR_API_KEY, or TIMBR_CLIENT_ID and TIMBR_CLIENT_SECRET"


@pytest.mark.parametrize(("source", "name", "said"), [
    ("timbr", "default",
     f"there is no account of timbr: set {TIMBR}, in the environment or in .env"),
    ("fishaudio", "default",
     "there is no account of fishaudio: set FISHAUDIO_API_KEY and FISHAUDIO_API_URL, in the environment or in .env"),
    ("openai", "default", "there is no account of openai: set OPENAI_API_URL, in the environment or in .env"),
    ("thunderscribe", "big-show",
     "there is no account big-show of thunderscribe; there are: default, a. THUNDERSCRIBE_API_KEY__BIG_SHOW makes one"),
    ("timbre", "default", f"there is no source timbre; there are: {', '.join(one.source for one in SOURCES)}"),
])  # fmt: skip
def test_an_account_that_does_not_exist_is_answered_with_what_makes_it(source: str, name: str, said: str) -> None:
    configured = settings.load(THUNDERSCRIBE_API_KEY="s3cret", THUNDERSCRIBE_API_KEY__A="s3cret2")
    with pytest.raises(ImpossibleError) as refused:
        configured.account_of(source, name)
    assert str(refused.value) == said


def test_an_account_of_transcribe_so_without_a_key_cannot_be_asked() -> None:
    with pytest.raises(ImpossibleError, match=r"^TRANSCRIBE_API_KEY is not set: "):
        settings.load(TIMBR_API_KEY="k").account_of("transcribe.so", "default")


def test_other_sources_have_no_webhooks_and_are_not_chosen() -> None:
    configured = settings.load(TIMBR_API_KEY="k", TIMBR_API_KEY__BIG_SHOW="l", TRANSCRIBE_API_KEY="m")
    assert [account.source for account in configured.accounts] == ["transcribe.so", "timbr", "timbr"]
    assert [account.source for account in configured.webhook_accounts] == ["transcribe.so"]
    assert [one.chosen.source for one in configured.in_use] == ["transcribe.so"]
    with pytest.raises(ImpossibleError, match=r"there is no account big-show of transcribe\.so"):
        configured.choosing("big-show")
