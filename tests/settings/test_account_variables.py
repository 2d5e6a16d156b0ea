"""`receiver.settings.account_variables`: each key of a source is an account, and what is wrong is told by name."""

import os
from pathlib import Path

import pytest

from receiver import settings
from receiver.errors import ConfigError
from receiver.settings import Account, environment
from receiver.settings.accounts import OPENAI, SOURCES, TRANSCRIBE, variable
from receiver.signature import fingerprint


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if environment.is_of_a_provider(name):
            monkeypatch.delenv(name)


def accounts(**variables: str) -> dict[str, Account]:
    """Return the accounts of transcribe.so that some variables make, by name."""
    return {account.name: account for account in settings.load(**variables).webhook_accounts}


def others(**variables: str) -> list[tuple[str, str, str]]:
    """Return what the accounts of the other sources are named by."""
    return [account.id for account in settings.load(**variables).accounts if account.source != TRANSCRIBE.source]


def only(**variables: str) -> Account:
    """Return the only account of another source."""
    (found,) = (one for one in settings.load(**variables).accounts if one.source != TRANSCRIBE.source)
    return found


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


# --- the other sources -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("variables", "made"), [
    ({"TIMBR_API_KEY": "k"}, [("timbr", "https://app.timbr.studio", "default")]),
    ({"THUNDERSCRIBE_API_KEY": "k"}, [("thunderscribe", "https://thunderscribe.ai", "default")]),
    ({"FISHAUDIO_API_KEY": "k", "FISHAUDIO_API_URL": "https://f.test/api/open/"},
     [("fishaudio", "https://f.test", "default")]),
    ({"TIMBR_AUDIO_API_KEY": "k", "TIMBR_AUDIO_API_URL": "https://a.test/v1"},
     [("timbr-audio", "https://a.test", "default")]),
    ({"OPENAI_API_URL": "http://127.0.0.1:8080/v1"}, [("openai", "http://127.0.0.1:8080", "default")]),
    ({"OPENAI_API_KEY": "k"}, []),  # it is often there for other programs
    ({"OPENAI_API_KEY": " k k", "OPENAI_API_KEY_FILE": "/nowhere", "OPENAI_REQUESTS_A_MINUTE": "many"}, []),
    ({"TIMBR_API_URL": "https://t.test", "FISHAUDIO_REQUESTS_A_MINUTE": "7"}, []),
    ({"TIMBR_API_URL": "https://t.test", "TIMBR_API_KEY__BIG_SHOW": "k"}, [("timbr", "https://t.test", "big-show")]),
    ({"OPENAI_API_URL__HOME": "http://h.test", "OPENAI_API_KEY__HOME": "k"}, [("openai", "http://h.test", "home")]),
    ({"OPENAI_API_URL": "http://h.test", "OPENAI_API_KEY__B": "k"},
     [("openai", "http://h.test", "default"), ("openai", "http://h.test", "b")]),
    ({"THUNDERSCRIBE_API_KEY": "k", "TIMBR_API_KEY": "k", "TRANSCRIBE_API_KEY": "k"},
     [("timbr", "https://app.timbr.studio", "default"), ("thunderscribe", "https://thunderscribe.ai", "default")]),
])  # fmt: skip
def test_a_source_has_the_accounts_that_its_variables_make(
    variables: dict[str, str], made: list[tuple[str, str, str]]
) -> None:
    assert others(**variables) == made


def test_a_source_whose_name_begins_like_anothers_has_its_own_variables() -> None:
    """`TIMBR_` is the beginning of `TIMBR_AUDIO_` too."""
    audio = {"TIMBR_AUDIO_API_KEY": "k", "TIMBR_AUDIO_API_URL": "https://a.test", "TIMBR_AUDIO_API_KEY__X": "l"}
    assert others(**audio) == [("timbr-audio", "https://a.test", "default"), ("timbr-audio", "https://a.test", "x")]
    studio = others(TIMBR_API_KEY="k", TIMBR_API_KEY__AUDIO="l")
    assert studio == [("timbr", "https://app.timbr.studio", "default"), ("timbr", "https://app.timbr.studio", "audio")]


def test_a_key_is_never_another_accounts_or_another_sources(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("of_timbr_a\n")
    keys = {
        "TRANSCRIBE_API_KEY": "of_transcribe", "TRANSCRIBE_API_KEY__A": "of_transcribe_a",
        "TIMBR_API_KEY": "of_timbr", "TIMBR_API_KEY__A_FILE": str(tmp_path / "key"), "TIMBR_AUDIO_API_KEY": "of_audio",
        "TIMBR_AUDIO_API_URL": "https://a.test", "OPENAI_API_URL": "https://o.test", "OPENAI_API_URL__A": "https://p.test",
        "OPENAI_API_KEY": "of_openai",
    }  # fmt: skip
    found = {
        (account.source, account.name): account.key and account.key.get_secret_value()
        for account in settings.load(**keys).accounts
    }
    assert found == {
        ("transcribe.so", "default"): "of_transcribe", ("transcribe.so", "a"): "of_transcribe_a",
        ("timbr", "default"): "of_timbr", ("timbr", "a"): "of_timbr_a", ("timbr-audio", "default"): "of_audio",
        ("openai", "default"): "of_openai", ("openai", "a"): None,
    }  # fmt: skip


@pytest.mark.parametrize(("url", "read_as"), [
    ("https://t.test", ("https://t.test", "/api/v3")),
    ("https://t.test/api/v3/", ("https://t.test", "/api/v3")),
    ("https://t.test/behind/api/v1", ("https://t.test/behind", "/api/v1")),
])  # fmt: skip
def test_the_end_of_an_address_chooses_the_version_and_is_no_part_of_the_accounts_id(
    url: str, read_as: tuple[str, str]
) -> None:
    account = only(THUNDERSCRIBE_API_KEY="k", THUNDERSCRIBE_API_URL=url)
    assert (account.api_url, account.api_path) == read_as
    two = settings.load(THUNDERSCRIBE_API_URL=url, THUNDERSCRIBE_API_KEY__A="k", THUNDERSCRIBE_REQUESTS_A_MINUTE="9")
    assert (two.accounts[-1].api_url, two.accounts[-1].api_path, two.accounts[-1].requests_a_minute) == (*read_as, 9)


def test_a_client_is_enough_for_timbr_and_its_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    account = only(TIMBR_CLIENT_ID="an-id", TIMBR_CLIENT_SECRET_FILE=str(tmp_path / "secret"))
    assert (account.key, account.client_id) == (None, "an-id")
    assert account.client_secret is not None
    assert account.client_secret.get_secret_value() == "s3cret"
    assert account.key_fingerprint == fingerprint(b"an-id:s3cret")
    assert "s3cret" not in f"{account!r}{account}"
    with_key = only(TIMBR_CLIENT_ID="an-id", TIMBR_CLIENT_SECRET="s3cret", TIMBR_API_KEY="k")
    assert with_key.key_fingerprint == fingerprint(b"k")


TIMBR_A = "TIMBR_API_KEY__A, or TIMBR_CLIENT_ID__A and TIMBR_CLIENT_SECRET__A"


@pytest.mark.parametrize(("variables", "said"), [
    ({"FISHAUDIO_API_KEY": "s3cret"}, "FISHAUDIO_API_URL: must be set: no address of fishaudio is known"),
    ({"TIMBR_AUDIO_API_KEY__A": "s3cret"}, "TIMBR_AUDIO_API_URL__A: must be set: no address of timbr-audio is known"),
    ({"OPENAI_API_KEY__A": "s3cret"}, "OPENAI_API_URL__A: must be set: no address of openai is known"),
    ({"FISHAUDIO_API_KEY": "k", "FISHAUDIO_API_URL": "s3cret"},
     "FISHAUDIO_API_URL: must be an address like https://example.com"),
    ({"FISHAUDIO_API_KEY": "k", "FISHAUDIO_API_URL": "https://f.test/api/open/s3cret"},
     "FISHAUDIO_API_URL: must end before /api/open, or with it"),
    ({"THUNDERSCRIBE_API_KEY": "k", "THUNDERSCRIBE_API_URL": "https://t.test/api/v1/s3cret"},
     "THUNDERSCRIBE_API_URL: must end before /api/v1, or with it"),
    ({"TIMBR_CLIENT_ID": "x"}, "TIMBR_CLIENT_ID: set TIMBR_CLIENT_SECRET too: a client has an id and a secret"),
    ({"TIMBR_API_KEY": "k", "TIMBR_CLIENT_SECRET": "s3cret"},
     "TIMBR_CLIENT_SECRET: set TIMBR_CLIENT_ID too: a client has an id and a secret"),
    ({"TIMBR_CLIENT_ID__A": "x"}, f"TIMBR_CLIENT_ID__A: set {TIMBR_A} too: an account needs a key of its own"),
    ({"TIMBR_API_URL__A": "https://t.test"},
     f"TIMBR_API_URL__A: set {TIMBR_A} too: an account needs a key of its own"),
    ({"OPENAI_REQUESTS_A_MINUTE__A": "7"},
     "OPENAI_REQUESTS_A_MINUTE__A: set OPENAI_API_URL__A too: an account needs an address of its own"),
    ({"TIMBR_API_KEY": "s3cret", "TIMBR_API_KEY__A": "s3cret"},
     "TIMBR_API_KEY__A: is the key of TIMBR_API_KEY too: an account has its own key"),
    ({"TIMBR_CLIENT_ID": "x", "TIMBR_CLIENT_SECRET": "s3cret", "TIMBR_CLIENT_ID__A": "x",
      "TIMBR_CLIENT_SECRET__A": "s3cret"},
     "TIMBR_CLIENT_SECRET__A: is the secret of TIMBR_CLIENT_SECRET too: an account has its own secret"),
    ({"OPENAI_API_URL": "http://o.test", "OPENAI_API_URL__A": "http://o.test/v1"},
     "OPENAI_API_URL__A: is the address of OPENAI_API_URL too: an account has its own address"),
    ({"TIMBR_API_KEY": "'s3cret"}, "TIMBR_API_KEY: begins with a quote or a bracket: remove it"),
    ({"TIMBR_API_KEY_FILE": "/s3cret"}, "TIMBR_API_KEY_FILE: cannot be read (No such file or directory)"),
    ({"TRANSCRIBE_API_URL_FILE": "/s3cret"}, "TRANSCRIBE_API_URL_FILE: only a key or a secret can be in a file"),
    ({"THUNDERSCRIBE_API_KEY": "k", "THUNDERSCRIBE_REQUESTS_A_MINUTE": "0"},
     "THUNDERSCRIBE_REQUESTS_A_MINUTE: must be a whole number from 1 to 100000"),
    ({"THUNDERSCRIBE_API_KEY__A_FILE": "/dev/null"}, "THUNDERSCRIBE_API_KEY__A_FILE: names an empty file"),
    ({"FISHAUDIO_API_KEY": "k", "PORT": "0"},
     "PORT: must be greater than or equal to 1; FISHAUDIO_API_URL: must be set: no address of fishaudio is known"),
])  # fmt: skip
def test_a_mistake_in_another_source_is_told_by_name_alone(variables: dict[str, str], said: str) -> None:
    assert refusal(**variables) == said


def test_what_is_wrong_with_a_value_in_a_file_is_told_by_the_files_variable(tmp_path: Path) -> None:
    (tmp_path / "key").write_text('"s3cret"')
    assert refusal(TRANSCRIBE_API_KEY__A_FILE=str(tmp_path / "key")) == (
        "TRANSCRIBE_API_KEY__A_FILE: begins with a quote or a bracket: remove it"
    )


def test_every_variable_of_a_source_is_known_and_a_providers() -> None:
    names = [variable(source, kind, name) for source in SOURCES for kind in source.kinds for name in ("default", "a")]
    assert environment.unknown(dict.fromkeys(names, "x")) == []
    assert all(environment.is_of_a_provider(name) for name in names)


@pytest.mark.parametrize(("name", "said"), [
    ("TIMBR_API_KEYS", "TIMBR_API_KEYS (do you mean TIMBR_API_KEY?)"),
    ("TIMBR_AUDIO_API_KEYS", "TIMBR_AUDIO_API_KEYS (do you mean TIMBR_AUDIO_API_KEY?)"),
    ("TIMBR_AUDIO_CLIENT_ID", "TIMBR_AUDIO_CLIENT_ID (do you mean TIMBR_CLIENT_ID?)"),
    ("FISHAUDIO_WEBHOOK_SECRET", "FISHAUDIO_WEBHOOK_SECRET (do you mean TRANSCRIBE_WEBHOOK_SECRET?)"),
])  # fmt: skip
def test_a_variable_that_its_source_does_not_have_is_named_with_the_nearest(name: str, said: str) -> None:
    assert environment.unknown({name: "s3cret"}) == [said]


def test_a_variable_of_openai_that_we_do_not_know_is_another_programs() -> None:
    assert environment.unknown({f"{OPENAI.prefix}_ORG_ID": "x"}) == []


@pytest.mark.parametrize("name", ["TIMBR_CLIENT_SECRET", "FISHAUDIO_API_KEY__A", "OPENAI_API_KEY"])
def test_the_environment_wins_over_the_file_by_the_other_name_of_any_sources_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for one in (environment.READ, name):
        monkeypatch.setenv(one, "")  # so that what `enter` sets is taken back after the test
        monkeypatch.delenv(one)
    (tmp_path / ".env").write_text(f"{name}=of_the_file\n")
    monkeypatch.setenv(f"{name}_FILE", "/somewhere")
    environment.enter()
    assert name not in os.environ


@pytest.mark.parametrize("variable", ["TRANSCRIBE_WEBHOOK_SECRET", "TRANSCRIBE_WEBHOOK_SECRET__BIG_SHOW"])
def test_a_secret_that_proves_deliveries_is_given_to_no_app(variable: str) -> None:
    """An app knows its secret, so it could sign a delivery."""
    key, other = (f"whsec_{letter * 32}" for letter in "AB")
    set_up = {
        "TRANSCRIBE_API_KEY__BIG_SHOW": "tsk_live_2", variable: f"w1,{key}",
        "RECEIVER_FORWARD_SHOP": "https://shop.example/in",
    }  # fmt: skip
    assert refusal(**set_up, RECEIVER_FORWARD_SHOP_SECRET=f"{other},{key}") == (
        "RECEIVER_FORWARD_SHOP_SECRET: is a webhook secret too: the app could sign deliveries to this receiver; "
        "make another one for it"
    )
    assert settings.load(**set_up, RECEIVER_FORWARD_SHOP_SECRET=other).targets
