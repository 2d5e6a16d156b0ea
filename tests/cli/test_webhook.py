"""`receiver register`, `secrets` and `retire-secret`, as a user runs them; no secret is in any output."""

from collections.abc import Iterator
from typing import Any

import pytest

from receiver import signature
from receiver.sandbox import Knobs
from receiver.sandbox.knobs import SecondWebhook
from tests.commands import Commands, Scripted, Simulated
from tests.processes import Processes

URL = "http://127.0.0.1:1/webhooks/transcribe-so"


class Keeping(Commands):
    """Commands on one database; `secrets` are those that the provider has given so far."""

    processes: Processes

    def rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.processes.sql("select * from receiver.registrations order by id")]

    def said(self, *arguments: str, status: int = 0, stdin: str = "", **environment: str) -> str:
        """Run a command, check its exit status, and return its output, which shows no registered secret."""
        ran = self.run(*arguments, stdin=stdin, **environment)
        assert ran.exit_code == status, ran.output
        assert not [row for row in self.rows() if row["secret"] and row["secret"] in ran.output]
        return ran.output

    def fingerprints(self) -> list[str]:
        """Return the names of the registered secrets, the newest first."""
        return [str(one["fingerprint"]) for one in self.read("secrets")]


def keep(processes: Processes, database_url: str, provider: Simulated | Scripted, key: str) -> Keeping:
    processes.environment["DATABASE_URL"] = database_url
    commands = Keeping(processes.folder, provider.url, key, DATABASE_URL=database_url)
    commands.processes = processes
    return commands


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulated]:
    with Simulated().running() as running:
        yield running


@pytest.fixture
def commands(processes: Processes, receiver_database: str, provider: Simulated) -> Keeping:
    return keep(processes, receiver_database, provider.begin_anew(), provider.key)


def webhook(provider: Simulated) -> str:
    """Return where the provider delivers."""
    url: str = provider.get("webhooks")["url"]
    return url


def test_register_keeps_the_secret_and_shows_its_fingerprint(commands: Keeping, provider: Simulated) -> None:
    said = commands.said("register", "--url", URL)
    (row,) = commands.rows()
    fingerprint = signature.fingerprint(row["secret"].encode())
    assert said == f"registered {URL} (secret with fingerprint {fingerprint})\n"
    assert webhook(provider) == URL
    again = commands.said("register", "--url", URL)
    assert again == f"already registered for {URL} (secret with fingerprint {fingerprint})\n"
    assert provider.asked("/webhooks").count("POST /api/v1/webhooks") == 1


def test_a_webhook_that_the_provider_has_lost_is_registered_anew(commands: Keeping, provider: Simulated) -> None:
    """A sandbox that was started again knows no webhook."""
    commands.said("register", "--url", URL)
    (old,) = commands.fingerprints()
    assert provider.http.delete("/api/v1/webhooks").is_success
    lost = commands.run("check", PUBLIC_URL="http://127.0.0.1:1")
    assert "!!  webhook        the provider has none for this key: run `receiver register`" in lost.stdout
    asked = commands.said("test-event", status=1)
    assert "not_found (HTTP 404)" in asked
    assert asked.endswith("the provider has no webhook for this key: run `receiver register`\n")
    assert commands.said("register", "--url", URL).startswith(f"registered {URL} ")
    assert webhook(provider) == URL
    assert commands.fingerprints()[1] == old


def test_a_provider_that_does_not_tell_what_it_has_is_no_reason_to_register_again(
    processes: Processes, receiver_database: str
) -> None:
    with Simulated(knobs=Knobs(webhook_methods="404")).running() as provider:
        commands = keep(processes, receiver_database, provider, provider.key)
        commands.said("register", "--url", URL)
        again = commands.said("register", "--url", URL)
        assert again.startswith(f"already registered for {URL} ")
        assert again.endswith("`receiver test-event` tries it, `receiver register --rotate` registers again\n")
        assert len(commands.fingerprints()) == 1


@pytest.mark.parametrize("given", ["http://127.0.0.1:1", " HTTP://127.0.0.1:1/ ", f"{URL}/"])
def test_an_address_is_registered_with_our_path_whether_it_was_given_or_not(
    commands: Keeping, provider: Simulated, given: str
) -> None:
    """At any other path every delivery would get 404, and the fifth would switch the webhook off."""
    assert commands.said("register", "--url", given).startswith(f"registered {URL} (secret ")
    assert webhook(provider) == URL
    assert commands.said("register", PUBLIC_URL=given).startswith(f"already registered for {URL} ")


def test_a_rotation_leaves_both_secrets_active(commands: Keeping, provider: Simulated) -> None:
    commands.said("register", "--url", URL)
    (old,) = commands.fingerprints()
    said = commands.said("register", "--url", URL, "--rotate")
    new, still = commands.fingerprints()
    assert still == old != new
    assert f"(secret with fingerprint {new})" in said
    assert f"still active, until `receiver retire-secret`: {old}" in said
    assert webhook(provider) == URL


@pytest.mark.parametrize("second", ["409", "same"])
def test_where_there_is_no_second_webhook_delete_first_rotates(
    processes: Processes, receiver_database: str, second: SecondWebhook
) -> None:
    with Simulated(knobs=Knobs(second_webhook=second)).running() as provider:
        commands = keep(processes, receiver_database, provider, provider.key)
        commands.said("register", "--url", URL)
        (old,) = commands.fingerprints()
        if second == "same":  # a 409 is asked again for 15 s, because it may also mean that the first is under way
            refused = commands.said("register", "--url", URL, "--rotate", status=1)
            assert "does not show its secret again: nothing has changed." in refused
            assert "`receiver register --rotate --delete-first` deletes it and registers again" in refused
            assert commands.fingerprints() == [old]
        rotated = commands.said("register", "--url", URL, "--rotate", "--delete-first")
        assert f"still active, until `receiver retire-secret`: {old}" in rotated
        new, still = commands.fingerprints()
        assert (still, f"(secret with fingerprint {new})" in rotated) == (old, True)
        assert webhook(provider) == URL


def test_where_nothing_can_be_deleted_the_dashboard_is_named(processes: Processes, receiver_database: str) -> None:
    knobs = Knobs(second_webhook="409", webhook_methods="405")
    with Simulated(knobs=knobs).running() as provider:
        commands = keep(processes, receiver_database, provider, provider.key)
        commands.said("register", "--url", URL)
        said = commands.said("register", "--url", URL, "--rotate", "--delete-first", status=1)
        assert "delete it in its dashboard, then run `receiver register --rotate`" in said
        assert len(commands.fingerprints()) == 1


def test_delete_first_alone_is_a_wrong_call(commands: Keeping, provider: Simulated) -> None:
    assert "--delete-first goes with --rotate" in commands.said("register", "--delete-first", status=2)
    assert provider.asked() == []


def test_secrets_tells_since_when_and_how_much_each_is_used(commands: Keeping) -> None:
    commands.said("register", "--url", URL)
    commands.said("register", "--url", URL, "--rotate")
    new, old = commands.fingerprints()
    commands.processes.sql(
        "insert into receiver.events (source, event_id, api_url, type, raw, secret_fingerprint, origin)"
        " select 'transcribe.so',"
        f" 'evt_1', api_url, 'webhook.test', '', '{old}', 'webhook' from receiver.registrations limit 1"
    )
    first, second = commands.said("secrets").splitlines()
    assert first.startswith(f"{new}  registered 20")
    assert first.endswith(f" for {URL}, has verified nothing")
    assert second.startswith(f"{old}  registered 20")
    assert ", events verified: 1; replaced 20" in second
    assert second.endswith(", silent for 0 min: keep it for now")
    found = commands.read("secrets")
    assert [(one["fingerprint"], one["events"], one["can_go"]) for one in found] == [(new, 0, False), (old, 1, False)]
    assert {*found[0]} == {
        "fingerprint", "webhook_url", "since", "replaced_at", "events", "last_matched", "can_go"
    }  # fmt: skip
    assert found[0]["replaced_at"] is None
    assert found[1]["last_matched"] > found[1]["since"]


def test_a_secret_of_our_own_is_listed_by_its_fingerprint(commands: Keeping) -> None:
    ran = commands.run("secrets", TRANSCRIBE_WEBHOOK_SECRET="whsec_sesame")
    name = signature.fingerprint(b"whsec_sesame")
    assert (ran.exit_code, ran.stdout) == (0, f"{name}  from TRANSCRIBE_WEBHOOK_SECRET, has verified nothing\n")
    assert commands.read("secrets", TRANSCRIBE_WEBHOOK_SECRET="whsec_sesame") == [
        {"fingerprint": name, "webhook_url": None, "since": None, "replaced_at": None, "events": 0,
         "last_matched": None, "can_go": False}
    ]  # fmt: skip


def test_no_secret_at_all_says_what_to_do(commands: Keeping) -> None:
    said = commands.said("secrets", status=1)
    assert f"no secret is known for {commands.environment['TRANSCRIBE_API_URL']}: set PUBLIC_URL and" in said
    assert "for the sandbox, run the line `export …` that `receiver up --sandbox` prints" in said
    assert commands.read("secrets") == []


def test_an_old_secret_is_retired_when_it_has_been_silent_for_a_day(commands: Keeping) -> None:
    commands.said("register", "--url", URL)
    commands.said("register", "--url", URL, "--rotate")
    new, old = commands.fingerprints()
    refused = commands.said("retire-secret", old, status=1)
    assert f"{old} has been silent for only 0 min" in refused
    assert refused.endswith(": wait until 24 h have passed, or pass --yes\n")
    commands.processes.sql("update receiver.registrations set registered_at = registered_at - interval '25 hours'")
    line = commands.said("secrets").splitlines()[1]
    assert line.endswith(f"silent for 25 h: retire it: `receiver retire-secret {old}`")
    assert [one["can_go"] for one in commands.read("secrets")] == [False, True]
    assert commands.said("retire-secret", old) == f"{old} is retired\n"
    assert commands.fingerprints() == [new]


def test_yes_retires_a_secret_that_is_still_in_use(commands: Keeping) -> None:
    commands.said("register", "--url", URL)
    commands.said("register", "--url", URL, "--rotate")
    new, old = commands.fingerprints()
    assert commands.said("retire-secret", old, "--yes") == f"{old} is retired\n"
    assert commands.fingerprints() == [new]


def test_the_secret_that_the_provider_signs_with_and_one_that_is_not_there_are_not_retired(commands: Keeping) -> None:
    commands.said("register", "--url", URL)
    (newest,) = commands.fingerprints()
    refused = commands.said("retire-secret", newest, "--yes", status=1)
    assert f"{newest} is the secret that the provider signs with: run `receiver register --rotate` first" in refused
    assert "`receiver secrets` lists them" in commands.said("retire-secret", "nonsense", status=1)
    assert commands.fingerprints() == [newest]


def test_each_account_is_registered_listed_and_rotated_by_its_name(commands: Keeping, provider: Simulated) -> None:
    key = f"{provider.key}_of_the_big_show"
    commands.environment["TRANSCRIBE_API_KEY__BIG_SHOW"] = key
    big = ("--account", "big-show")
    commands.said("register", "--url", URL)
    assert commands.said("register", *big, PUBLIC_URL="http://127.0.0.1:1").startswith(f"registered {URL}/big-show ")
    assert commands.said("register", "--url", f"{URL}/big-show", *big).startswith(f"already registered for {URL}/big-")
    assert webhook(provider) == URL
    told = provider.http.get("/api/v1/webhooks", headers={"Authorization": f"Bearer {key}"}).json()
    assert told["url"] == f"{URL}/big-show"
    (ours,), (theirs,) = commands.fingerprints(), commands.read("secrets", *big)
    assert ours != theirs["fingerprint"]
    assert theirs["webhook_url"] == f"{URL}/big-show"
    rotated = commands.said("register", "--url", URL, "--rotate", *big)
    assert f"until `receiver retire-secret --account big-show`: {theirs['fingerprint']}" in rotated
    assert "`receiver secrets` lists them" in commands.said("retire-secret", theirs["fingerprint"], "--yes", status=1)
    assert (
        commands.said("retire-secret", theirs["fingerprint"], "--yes", *big) == f"{theirs['fingerprint']} is retired\n"
    )
    assert commands.fingerprints() == [ours]


def test_a_secret_of_the_settings_is_listed_with_its_accounts_variable(commands: Keeping) -> None:
    own = {"TRANSCRIBE_API_KEY__A": "x", "TRANSCRIBE_WEBHOOK_SECRET__A": "whsec_sesame"}
    said = commands.run("secrets", "--account", "a", **own).stdout
    assert (
        said == f"{signature.fingerprint(b'whsec_sesame')}  from TRANSCRIBE_WEBHOOK_SECRET__A, has verified nothing\n"
    )


@pytest.mark.parametrize("given", [(), ("--url", "http://127.0.0.1:1")])
def test_a_delivery_of_our_own_goes_to_the_accounts_path(commands: Keeping, given: tuple[str, ...]) -> None:
    own = {"TRANSCRIBE_API_KEY__A": "x", "TRANSCRIBE_WEBHOOK_SECRET__A": "whsec_sesame", "PORT": "1"}
    ran = commands.run("send", "--sample", "completed", "--account", "a", *given, **own)
    assert ran.stderr.startswith("Error: http://127.0.0.1:1/webhooks/transcribe-so/a does not answer ")
