"""No secret is in any log, answer, page or output; and what looks for them finds them."""

import base64
import dataclasses
import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

import receiver
from receiver.cli import main
from receiver.settings.accounts import SOURCES, TRANSCRIBE
from receiver.signature import fingerprint, sign
from tests.commands import Commands
from tests.processes import Processes, completed
from tests.secrecy import PUBLIC, Secrecy
from tests.servers import Quiet, quiet

KEY = "tsk_live_k+y/of=the_<tests>"
WEBHOOK = "whsec_'one\"\\two&three"
PASSWORD = "pass#w/rd%"
REGISTERED = "whsec_shown_once"
OTHERS = [source for source in SOURCES if source is not TRANSCRIBE]


def keeping(*secrets: str) -> Secrecy:
    secrecy = Secrecy()
    secrecy.keep(*secrets)
    return secrecy


# --- what is found ---------------------------------------------------------------------------------------------------

WRITINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a repr": repr,
    "as bytes": lambda secret: repr(secret.encode()),
    "in JSON": lambda secret: json.dumps({"a": secret}),
    "in a query": lambda secret: f"?a={quote(secret, safe='')}&b",
    "in a path": lambda secret: f"/{quote(secret)}/",
    "in hex": lambda secret: secret.encode().hex(),
    "in upper-case hex": lambda secret: secret.encode().hex().upper(),
    "in Base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "in Base64 behind a user": lambda secret: base64.b64encode(f"u:{secret}".encode()).decode(),
    "in Base64 within more": lambda secret: base64.urlsafe_b64encode(f"user{secret}and more".encode()).decode(),
}


@pytest.mark.parametrize("writing", WRITINGS.values(), ids=WRITINGS.keys())
@pytest.mark.parametrize("secret", [KEY, WEBHOOK, PASSWORD, "sesame", "schlüssel"])
def test_a_known_secret_is_found_in_every_writing(secret: str, writing: Callable[[str], str]) -> None:
    text = f"12:00:00.000 info web: it is {writing(secret)}, they say\n"
    assert any(hit.startswith(repr(secret)) for hit in keeping("another", secret).hits(text))


@pytest.mark.parametrize("writing", WRITINGS.values(), ids=WRITINGS.keys())
@pytest.mark.parametrize("secret", ["whsec_4f1c0a9b", "tsk_live_4f1c0a9b", "tsk_test_4f1c0a9b"])
def test_what_only_a_database_knows_is_found_by_how_it_begins(secret: str, writing: Callable[[str], str]) -> None:
    assert Secrecy().hits(f"it is {writing(secret)}, they say")


def test_a_signature_is_found() -> None:
    secrecy, header = Secrecy(), sign(b"{}", secret=b"x", at=1)
    assert secrecy.hits(f"its header is {header}")
    mac = header.partition("v1=")[2]
    assert not secrecy.hits(f"quarantined as {mac}")
    secrecy.keep_signature(header)
    assert secrecy.hits(f"it is not {mac}")


def test_the_password_of_a_database_is_found_also_where_the_url_is_wrong() -> None:
    for url in (
        f"postgresql://me:{quote(PASSWORD, safe='')}@h/x", f"postgresql://me:{PASSWORD}@h/x",
        f"postgresql:///x?password={quote(PASSWORD)}",
    ):  # fmt: skip
        secrecy = Secrecy()
        secrecy.keep_settings({"DATABASE_URL": url})
        assert secrecy.hits(f"({PASSWORD})"), url
        assert not secrecy.hits("h/x does not answer: is DATABASE_URL right?")


def test_what_is_no_secret_is_not_found() -> None:
    secrecy = keeping(KEY, WEBHOOK, "", "ab", PUBLIC)
    secrecy.keep_settings({"DATABASE_URL": "postgresql://receiver@/x?host=/tmp/abc", "TRANSCRIBE_API_KEY": ""})
    said = f"{fingerprint(KEY.encode())} export TRANSCRIBE_API_KEY={PUBLIC} /tmp/abc Any key tsk_live_… or tsk_test_…"
    assert secrecy.hits(said) == []


SAYING = """
import base64
import os
import sys

from receiver import Context, Event, handler

secret = os.environ["TRANSCRIBE_WEBHOOK_SECRET"].encode()
print(base64.b64encode(secret).decode(), file=sys.stderr, flush=True)


@handler("*")
async def saying(event: Event, ctx: Context) -> None:
    pass
"""


def test_a_command_that_says_a_secret_fails_its_test(processes: Processes) -> None:
    processes.write_handlers(saying=SAYING)
    with pytest.raises(AssertionError, match="receiver handlers shows a secret: 'whsec_"):
        processes.run("handlers")


def test_a_process_that_says_a_secret_fails_its_test(folder: Path) -> None:
    def leave() -> None:
        with Processes(folder) as processes:
            processes.write_handlers(saying=SAYING)
            assert processes.start("handlers").popen.wait(30) == 0

    with pytest.raises(AssertionError, match=r"0-handlers.err shows a secret: 'whsec_"):
        leave()


def test_an_answer_that_says_a_secret_fails_its_test(processes: Processes, receiver_database: str) -> None:
    web = processes.serve(DATABASE_URL=receiver_database)
    with repeating() as url:
        web.port = int(url.rpartition(":")[2])
        with pytest.raises(AssertionError, match=r"the answer to http.* shows a secret: 'whsec_"):
            web.get("/?whsec_of_the_tests")


# --- what is looked at -----------------------------------------------------------------------------------------------

REFUSED = {"/api/v1/me": 401, "/api/v1/webhooks/test": 402, "/api/v1/transcriptions/7": 404}
TELLING = '''
"""Say everything that can be said."""

from receiver import Context, Event, RetryPolicy, handler


@handler("transcription.*", retry=RetryPolicy(attempts=1))
async def telling(event: Event, ctx: Context) -> None:
    ctx.log.debug("%r %s %r %s", ctx, event, ctx.provider, vars(ctx.provider))
    ctx.log.info("%r %r %s %s", ctx.http, ctx.db, ctx.provider.http.headers, event.raw)
    try:
        await ctx.provider.get(7)
    except Exception as exc:
        raise RuntimeError(f"{exc!r} {vars(exc)}") from exc


@handler("transcription.*")
async def passing_on(event: Event, ctx: Context) -> None:
    await ctx.provider.get(7)
'''


@contextmanager
def repeating() -> Iterator[str]:
    """Yield the address of a provider that repeats whatever it is asked, the key included, and keeps one secret."""

    class Handler(Quiet):
        def answer(self) -> None:
            body = self.body().decode()
            heard = f"what is {self.headers['Authorization']} doing at {self.path} with {body}?"
            said: dict[str, object] = {"error": dict.fromkeys(("code", "message", "request_id", "doc_url"), heard)}
            status = REFUSED.get(self.path, 400)
            if (self.command, self.path) == ("POST", "/api/v1/webhooks"):
                status, said = 201, {"id": "wh_1", "url": heard, "signing_secret": REGISTERED}
            self.say(status, json.dumps(said).encode(), X_Request_Id=heard.replace("\n", " "))

    with quiet(Handler) as url:
        yield url


def secret_settings(database_url: str, api_url: str) -> dict[str, str]:
    """Return settings that are all secret where they can be; the server trusts everybody, whatever the password."""
    return {
        "DATABASE_URL": database_url.replace("receiver@", f"receiver:{quote(PASSWORD, safe='')}@"),
        "TRANSCRIBE_API_URL": api_url, "TRANSCRIBE_API_KEY": KEY,
        "TRANSCRIBE_WEBHOOK_SECRET": f"{WEBHOOK}, whsec_other",
        "TIMBR_CLIENT_ID": "an-id", "TIMBR_CLIENT_SECRET": f"of-a-client_{KEY}",
        "RECEIVER_LOG_LEVEL": "debug", "RECEIVER_HANDLERS": "handlers",
        **{f"{other.prefix}_API_URL": api_url for other in OTHERS},
        **{f"{other.prefix}_API_KEY": f"of-{other.source}_{KEY}" for other in OTHERS},
    }  # fmt: skip


@pytest.mark.parametrize("style", ["text", "json"])
def test_processes_that_say_all_they_can_say_no_secret(
    processes: Processes, receiver_database: str, style: str
) -> None:
    """Also where the provider repeats the key in every refusal, and a handler logs everything that it has."""
    processes.write_handlers(telling=TELLING)
    with repeating() as api_url:
        processes.environment |= secret_settings(receiver_database, api_url) | {"RECEIVER_LOG": style}
        web = processes.serve(PUBLIC_URL="http://127.0.0.1:1")
        worker = processes.start("work")
        web.until_logged("registered http")
        assert web.deliver(completed("evt_1"), secret=REGISTERED.encode()).is_success
        for secret in (WEBHOOK, "whsec_other"):
            assert web.deliver(f"of {secret[-5:]}".encode(), secret=secret.encode()).is_success
        assert web.deliver(completed("evt_1"), secret=b"of a stranger").status_code == 401
        for path in ("/healthz", "/readyz", f"/{WEBHOOK}", "/webhooks/transcribe-so", "/webhooks/transcribe-so/jobs/x"):
            web.get(path)
        found = processes.settled()
        processes.run("jobs")
    assert [job["state"] for event in found for job in event["jobs"]] == ["dead"] * 2
    assert "RuntimeError" in worker.log
    assert "what is Bearer (the key) doing" in worker.log
    assert [process.end() for process in (worker, web)] == [0, 0]


WRONG_URLS = [
    f"postgresql://me:{PASSWORD}@127.0.0.1:1/x", "postgresql://me:sesame@127.0.0.1:1/x", "mysql://me:sesame@h/x",
    "postgresql://me:sesame@127.0.0.1:port/x", "postgresql://me:[sesame@127.0.0.1:1/x", "me:sesame@127.0.0.1/x",
    "postgresql://me:?sesame@h/x", "postgresql:///x?host=127.0.0.1&port=1&password=sesame&sslmode=sesame",
]  # fmt: skip


COMMANDS = [
    "register --url http://127.0.0.1:1/hook", "register --url http://127.0.0.1:1/hook --rotate", "migrate", "events",
    "send --sample completed --url http://127.0.0.1:1/", "check", "check --json", "secrets", "secrets --json", "jobs",
    "retire-secret 0123456789ab", "test-event --wait 0", "account", "pipelines", "transcriptions", "show evt_1",
    "quote https://a.test/b.mp3", "transcribe https://a.test/b.mp3", "transcript 7", "timestamps 7", "retry 7 --yes",
    "delete 7 --yes", "handlers",
]  # fmt: skip


def test_no_command_says_a_secret(folder: Path, receiver_database: str) -> None:
    with repeating() as api_url:
        commands = Commands(folder, **secret_settings(receiver_database, api_url))
        said = [
            commands.run(*line.split(), TRANSCRIBE_API_KEY=f"{KEY}{number}").output  # with turns of its own
            for number, line in enumerate(COMMANDS)
        ]
        for url in WRONG_URLS:
            said += [commands.run(line, DATABASE_URL=url).output for line in ("check", "events", "migrate", "secrets")]
        said += [commands.run("account", TRANSCRIBE_API_KEY=f"tsk_live_a{wrong}b").output for wrong in " ü\x7f"]
        said += [commands.run(name, "--help").output for name in main.commands]
    assert all(said)
    assert sum("what is Bearer (the key)" in one for one in said) > 8, "it was repeated"
    assert fingerprint(REGISTERED.encode()) in "".join(said), "it was registered"


@pytest.mark.parametrize("command", ["serve", "work"])
def test_a_start_that_fails_says_no_secret(processes: Processes, command: str) -> None:
    ran = processes.run(command, DATABASE_URL=f"postgresql://me:{PASSWORD}@127.0.0.1:1/x", TRANSCRIBE_API_KEY=KEY)
    assert (ran.returncode, "DATABASE_URL: characters such as @ / # ?" in ran.stderr) == (1, True)


# --- reprs -----------------------------------------------------------------------------------------------------------

SECRET_NAMES = {"secret", "secrets", "token", "password", "key", "api_key", "ticket", "location", "upload_url"}


def test_no_value_of_ours_shows_a_secret_in_its_repr() -> None:
    """By their fields' names and types: what is `SecretStr` hides itself, what is text or bytes must be left out."""
    shown = set()
    for info in pkgutil.walk_packages(receiver.__path__, "receiver."):
        if info.name.endswith(("__main__", ".testing")):
            continue
        for kind in vars(importlib.import_module(info.name)).values():
            if not (isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__ == info.name):
                continue
            for field in dataclasses.fields(kind):
                plain = any(name in str(field.type) for name in ("str", "bytes")) and "SecretStr" not in str(field.type)
                in_repr = field.repr and kind.__dataclass_params__.repr  # type: ignore[attr-defined]
                if field.name in SECRET_NAMES and plain and in_repr:
                    shown.add(f"{kind.__qualname__}.{field.name}")
    assert shown == set()
