"""`receiver tokens`: what names the tokens of an account of Timbr is shown, and never a token."""

import pytest

from receiver import signature
from tests.commands import Commands, Simulated

CLIENT, SECRET = "123e4567-e89b-12d3-a456-426614174000", "client_secret_never_to_be_shown"


@pytest.fixture
def ours(commands: Commands, sandbox: Simulated) -> Commands:
    """Return commands with an account of the simulated Timbr, which has a key and a client."""
    commands.environment |= {
        "TIMBR_API_URL": f"{sandbox.url}/timbr",
        "TIMBR_API_KEY": sandbox.key,
        "TIMBR_CLIENT_ID": CLIENT,
        "TIMBR_CLIENT_SECRET": SECRET,
    }
    return commands


def texts(sandbox: Simulated) -> dict[str, str]:
    """Return the tokens of the account as the provider tells them, by their fingerprints."""
    listed = sandbox.http.get("/timbr/openapi/auth/token/").json()["data"]["tokens"]
    return {signature.fingerprint(one["access_token"].encode()): one["access_token"] for one in listed}


def test_a_token_that_is_issued_is_listed_by_its_fingerprint_and_its_end(ours: Commands, sandbox: Simulated) -> None:
    made = ours.read("tokens", "issue")
    ran = ours.run("tokens", "list")
    known = texts(sandbox)
    assert made["last_four"] == known[made["fingerprint"]][-4:]
    assert 0 < made["expires_in_seconds"] <= 24 * 3600
    assert f"{made['fingerprint']}  …{made['last_four']}  expires in " in ran.stdout
    assert {one["fingerprint"] for one in ours.read("tokens", "list")} >= {*known}
    assert not [text for text in texts(sandbox).values() if text in ran.output]


def test_with_a_database_the_token_that_is_issued_is_sent_from_then_on(
    ours: Commands, sandbox: Simulated, receiver_database: str
) -> None:
    ours.environment["DATABASE_URL"] = receiver_database
    made = ours.read("tokens", "issue")
    assert [one["fingerprint"] for one in ours.read("tokens", "list")] == [made["fingerprint"]]
    assert [*texts(sandbox)] == [made["fingerprint"]], "no other was asked for"


def test_a_token_is_deleted_once_a_person_says_yes(ours: Commands, sandbox: Simulated) -> None:
    kept, unwanted = (ours.read("tokens", "issue")["fingerprint"] for _ in range(2))
    refused = ours.run("tokens", "delete", unwanted, stdin="n\n")
    assert (refused.exit_code, unwanted in texts(sandbox)) == (1, True)
    assert f"Delete {unwanted}?" in refused.stderr
    assert ours.run("tokens", "delete", f" {unwanted} ", unwanted, stdin="y\n").stdout == "tokens deleted: 1\n"
    assert kept in texts(sandbox)
    assert ours.read("tokens", "delete", kept, "--yes") == {"deleted": 1}
    assert not {kept, unwanted} & {*texts(sandbox)}


def test_nothing_is_deleted_if_a_fingerprint_is_strange(ours: Commands, sandbox: Simulated) -> None:
    made = ours.read("tokens", "issue")["fingerprint"]
    ran = ours.run("tokens", "delete", made, "nothing", "--yes")
    assert (ran.exit_code, ran.stdout, made in texts(sandbox)) == (1, "", True)
    assert "Error: there is no token nothing; there are: " in ran.stderr


def test_an_account_with_a_key_alone_has_no_tokens_and_none_is_issued_to_it(ours: Commands, sandbox: Simulated) -> None:
    ours.environment |= {"TIMBR_CLIENT_ID": "", "TIMBR_CLIENT_SECRET": "", "TIMBR_API_KEY": f"{sandbox.key}_alone"}
    listed, issued = ours.run("tokens", "list"), ours.run("tokens", "issue")
    assert (listed.exit_code, listed.stdout, listed.stderr) == (0, "", "no tokens\n")
    assert ours.read("tokens", "list") == []
    assert (issued.exit_code, issued.stdout) == (1, "")
    assert "a token is issued to a client: set TIMBR_CLIENT_ID and TIMBR_CLIENT_SECRET" in issued.stderr


def test_another_account_is_asked_with_its_own_client(ours: Commands, sandbox: Simulated) -> None:
    ours.environment["TIMBR_API_KEY__BIG_SHOW"] = f"{sandbox.key}_of_the_big_show"
    ours.good("tokens", "issue")
    assert ours.read("tokens", "--account", "big-show", "list") == []
    ran = ours.run("tokens", "--account", "small-show", "list")
    assert (ran.exit_code, "there is no account small-show of timbr; there are: default, big-show" in ran.stderr) == (
        1,
        True,
    )


@pytest.mark.parametrize("name", ["list", "issue", "delete"])
def test_each_of_them_explains_itself_with_examples(commands: Commands, name: str) -> None:
    assert f"receiver tokens {name}" in commands.good("tokens", name, "--help").partition("Examples:")[2]
