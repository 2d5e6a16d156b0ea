"""`receiver providers`: what can be asked of whom."""

import pytest

from receiver.providers import SOURCES
from tests.commands import Commands, Simulated

THUNDERSCRIBE = {"THUNDERSCRIBE_API_KEY": "a_key_of_the_tests", "THUNDERSCRIBE_REQUESTS_A_MINUTE": "7"}


def test_each_account_has_a_line_and_a_source_without_one_says_what_makes_one(commands: Commands) -> None:
    lines = commands.good("providers", **THUNDERSCRIBE, THUNDERSCRIBE_API_KEY__BIG_SHOW="another_key").splitlines()
    said = [" ".join(line.split()) for line in lines]
    assert said[0].startswith("transcribe.so default key set transcription 60 requests a minute balance ")
    assert "thunderscribe default key set transcription 7 requests a minute balance not tried" in said
    assert "thunderscribe big-show key set transcription 7 requests a minute balance not tried" in said
    assert "openai no account: set OPENAI_API_URL" in said
    assert not any("unfinished" in line for line in lines), "nothing counts them without a database"


def test_the_balance_is_what_the_provider_tells(commands: Commands, sandbox: Simulated) -> None:
    left = sandbox.get("me")["wallet_balance_usd"]
    first, *_ = commands.good("providers").splitlines()
    assert first.endswith(f"balance {float(left):,.2f} USD")


def test_with_a_database_what_waits_is_counted(commands: Commands, receiver_database: str) -> None:
    first, *_ = commands.good("providers", DATABASE_URL=receiver_database).splitlines()
    assert first.endswith("0 unfinished, 0 unknown")


def test_programs_get_the_same(commands: Commands, receiver_database: str) -> None:
    told = commands.read("providers", **THUNDERSCRIBE, DATABASE_URL=receiver_database)
    by_source = {one["source"]: one for one in told}
    assert set(by_source) == {source.name for source in SOURCES}
    assert (by_source["thunderscribe"]["key"], by_source["thunderscribe"]["unknown"]) == (True, 0)
    assert (by_source["openai"]["account"], by_source["openai"]["needed"]) == (None, "OPENAI_API_URL")


@pytest.mark.parametrize("name", [source.name for source in SOURCES])
def test_a_provider_is_told_with_every_option(commands: Commands, name: str) -> None:
    shown = commands.good("providers", name)
    told = commands.read("providers", name)["operations"]
    assert all(option["name"] in shown for options in told.values() for option in options)


def test_an_offer_names_ranges_defaults_and_limits(commands: Commands) -> None:
    shown = commands.good("providers", "thunderscribe")
    assert "recording   a file, at most 5 GB and 2 hours\n" in shown
    assert "  temperature                number from 0 to 1\n" in shown
    assert "  response_format            one of text, json, verbose_json, srt, vtt; default verbose_json\n" in shown
    assert "  language                   text; required\n" in shown


@pytest.mark.parametrize(("name", "result"), [
    ("transcribe.so", "told by a webhook; asked for where none comes"), ("timbr", "asked for until it is there"),
    ("thunderscribe", "the answer to the request"),
])  # fmt: skip
def test_an_offer_says_how_the_result_comes(commands: Commands, name: str, result: str) -> None:
    assert f"result      {result}\n" in commands.good("providers", name)
