"""`receiver.settings.accounts`: each key of a source is an account, and what is wrong with one is told by name."""

import os
from pathlib import Path

import pytest

from receiver import settings
from receiver.errors import ConfigError, ImpossibleError
from receiver.settings import Account, environment
from receiver.signature import fingerprint


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TRANSCRIBE_"):
            monkeypatch.delenv(name)


def accounts(**variables: str) -> dict[str, Account]:
    """Return the accounts of some variables, by name."""
    return {account.name: account for account in settings.load(**variables).accounts}


def refusal(**variables: str) -> str:
    with pytest.raises(ConfigError) as refused:
        settings.load(**variables)
    return str(refused.value)


def test_without_a_variable_there_is_the_default_account_and_it_has_no_key() -> None:
    (account,) = accounts().values()
    assert (account.id, account.key_fingerprint, account.own_secrets, account.requests_a_minute) == (
        ("transcribe.so", "https://transcribe.so", "default"), "", (), 60,
    )  # fmt: skip


def test_a_key_makes_an_account_with_the_defaults_address_and_rate_alone() -> None:
    found = accounts(
        TRANSCRIBE_API_KEY="tsk_live_1", TRANSCRIBE_API_URL="https://api.test/api/v1", TRANSCRIBE_WEBHOOK_SECRET="w1",
        TRANSCRIBE_REQUESTS_A_MINUTE="30", TRANSCRIBE_API_KEY__BIG_SHOW="tsk_live_2",
    )  # fmt: skip
    assert [*found] == ["default", "big-show"]
    other = found["big-show"]
    assert other.id == ("transcribe.so", "https://api.test", "big-show")
    assert (other.requests_a_minute, other.own_secrets) == (30, ())
    assert other.key_fingerprint not in ("", found["default"].key_fingerprint)


def test_an_account_says_its_own_address_secrets_and_rate() -> None:
    found = accounts(
        TRANSCRIBE_API_KEY__A="tsk_live_2", TRANSCRIBE_API_URL__A=" HTTPS://Other.test/api/v1/ ",
        TRANSCRIBE_WEBHOOK_SECRET__A=" w1, w2 ", TRANSCRIBE_REQUESTS_A_MINUTE__A="7",
    )["a"]  # fmt: skip
    assert (found.api_url, found.own_secrets, found.requests_a_minute) == ("https://other.test", (b"w1", b"w2"), 7)


def test_a_secret_of_an_account_may_come_from_a_file_and_is_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\ufefftsk_s3cret\r\n", encoding="utf-8")
    (tmp_path / "secret").write_text("whsec_s3cret,whsec_2\n")
    found = accounts(
        TRANSCRIBE_API_KEY__A_FILE=str(tmp_path / "key"), TRANSCRIBE_WEBHOOK_SECRET__A_FILE=str(tmp_path / "secret")
    )["a"]
    assert found.own_secrets == (b"whsec_s3cret", b"whsec_2")
    assert found.key_fingerprint
    assert "s3cret" not in f"{found!r}{found}"


def test_an_empty_variable_is_none() -> None:
    found = accounts(TRANSCRIBE_API_KEY__A="", TRANSCRIBE_API_URL__B=" ", TRANSCRIBE_API_KEY__C_FILE="")
    assert [*found] == ["default"]


@pytest.mark.parametrize(("variables", "said"), [
    ({"TRANSCRIBE_API_URL__A": "https://a.test"},
     "TRANSCRIBE_API_URL__A: set TRANSCRIBE_API_KEY__A too: an account needs a key of its own"),
    ({"TRANSCRIBE_WEBHOOK_SECRET__A": "s3cret"},
     "TRANSCRIBE_WEBHOOK_SECRET__A: set TRANSCRIBE_API_KEY__A too: an account needs a key of its own"),
    ({"TRANSCRIBE_API_KEY": "s3cret", "TRANSCRIBE_API_KEY__A": "s3cret"},
     "TRANSCRIBE_API_KEY__A: is the key of TRANSCRIBE_API_KEY too: an account has its own key"),
    ({"TRANSCRIBE_API_KEY__A": "s3cret", "TRANSCRIBE_API_KEY__B": "s3cret"},
     "TRANSCRIBE_API_KEY__B: is the key of TRANSCRIBE_API_KEY__A too: an account has its own key"),
    ({"TRANSCRIBE_API_KEY__A": '"s3cret"'}, "TRANSCRIBE_API_KEY__A: begins with a quote or a bracket: remove it"),
    ({"TRANSCRIBE_API_KEY__A": "x", "TRANSCRIBE_WEBHOOK_SECRET__A": "w1,s3 cret"},
     "TRANSCRIBE_WEBHOOK_SECRET__A: must be printable ASCII without spaces"),
    ({"TRANSCRIBE_API_KEY__A": "x", "TRANSCRIBE_API_URL__A": "s3cret"},
     "TRANSCRIBE_API_URL__A: must be an address like https://example.com"),
    ({"TRANSCRIBE_API_KEY__A": "x", "TRANSCRIBE_REQUESTS_A_MINUTE__A": "0"},
     "TRANSCRIBE_REQUESTS_A_MINUTE__A: must be a whole number from 1 to 100000"),
    ({"TRANSCRIBE_API_KEY__A_FILE": "/s3cret"},
     "TRANSCRIBE_API_KEY__A_FILE: cannot be read (No such file or directory)"),
    ({"TRANSCRIBE_API_KEY__A": "s3cret", "TRANSCRIBE_API_KEY__A_FILE": "/dev/null"},
     "TRANSCRIBE_API_KEY__A_FILE: set TRANSCRIBE_API_KEY__A or TRANSCRIBE_API_KEY__A_FILE, not both"),
    ({"TRANSCRIBE_API_KEY__A": "x", "TRANSCRIBE_API_URL__A_FILE": "/dev/null"},
     "TRANSCRIBE_API_URL__A_FILE: only a key or a secret can be in a file"),
    ({"TRANSCRIBE_API_KEY__A_FILE_FILE": "/dev/null"},
     "TRANSCRIBE_API_KEY__A_FILE_FILE: an account cannot be called A_FILE"),
])  # fmt: skip
def test_a_mistake_is_told_by_name_alone(variables: dict[str, str], said: str) -> None:
    assert refusal(**variables) == said


@pytest.mark.parametrize("name", ["", "a", "1A", "_A", "A-B", "A" * 32])
def test_a_name_is_capital_letters_digits_and_underscores(name: str) -> None:
    assert refusal(**{f"TRANSCRIBE_API_KEY__{name}": "s3cret"}) == (
        f"TRANSCRIBE_API_KEY__{name}: an account's name behind __ is 1 to 31 capital letters, digits and _, and begins "
        "with a letter"
    )


@pytest.mark.parametrize("name", ["DEFAULT", "JOBS"])
def test_some_names_are_taken(name: str) -> None:
    assert refusal(**{f"TRANSCRIBE_API_KEY__{name}": "s3cret"}) == (
        f"TRANSCRIBE_API_KEY__{name}: an account cannot be called {name}"
    )


def test_mistakes_of_accounts_are_told_with_all_others() -> None:
    assert refusal(PORT="0", TRANSCRIBE_API_KEY__A="a b") == (
        "PORT: must be greater than or equal to 1; TRANSCRIBE_API_KEY__A: must be printable ASCII without spaces"
    )


def test_two_apis_may_have_the_same_key() -> None:
    """Whoever tries the sandbox gives it any key."""
    assert len(accounts(TRANSCRIBE_API_KEY="x", TRANSCRIBE_API_KEY__A="x", TRANSCRIBE_API_URL__A="http://a.test")) == 2


def test_an_account_is_chosen_by_its_name() -> None:
    configured = settings.load(TRANSCRIBE_API_KEY__BIG_SHOW="x")
    assert configured.choosing("big-show").account().name == "big-show"
    assert configured.choosing("big-show").choosing("default").chosen.name == configured.chosen.name == "default"
    with pytest.raises(ImpossibleError, match="TRANSCRIBE_API_KEY is not set"):
        configured.account()
    with pytest.raises(ImpossibleError) as refused:
        configured.choosing("small-show")
    assert str(refused.value) == (
        "there is no account small-show; there are: default, big-show. TRANSCRIBE_API_KEY__SMALL_SHOW makes one"
    )


def test_variables_of_accounts_are_known_and_a_providers() -> None:
    names = ("TRANSCRIBE_API_KEY__A", "TRANSCRIBE_API_KEY__A_FILE", "TRANSCRIBE_WEBHOOK_SECRET__A")
    assert environment.unknown(dict.fromkeys(names, "x")) == []
    assert all(environment.is_of_a_provider(name) for name in names)
    assert environment.unknown({"TRANSCRIBE_API_KEYS__A": "x"}) != []


def test_the_environment_wins_over_the_file_by_a_secrets_other_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (environment.READ, "TRANSCRIBE_API_KEY__A", "TRANSCRIBE_API_URL__A"):
        monkeypatch.setenv(name, "")  # so that what `enter` sets is taken back after the test
        monkeypatch.delenv(name)
    (tmp_path / ".env").write_text("TRANSCRIBE_API_KEY__A=of_the_file\nTRANSCRIBE_API_URL__A=https://a.test\n")
    (tmp_path / "key").write_text("of_the_environment\n")
    monkeypatch.setenv("TRANSCRIBE_API_KEY__A_FILE", str(tmp_path / "key"))
    environment.enter()
    found = accounts()["a"]
    assert (found.api_url, found.key_fingerprint) == ("https://a.test", fingerprint(b"of_the_environment"))


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
    found = accounts(TRANSCRIBE_API_KEY__A="x")
    assert [(one.option, one.mark) for one in found.values()] == [("", ""), (" --account a", " (a)")]
