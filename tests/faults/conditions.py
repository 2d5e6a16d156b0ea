"""Every command under every condition that spoils something: the table, and how a cell of it is judged.

A call says what it needs, a condition what it spoils. Where the two meet, the command names the cause in one line and
fails; elsewhere it does what it always does.
"""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Flag, auto
from itertools import count
from pathlib import Path
from typing import Protocol

from receiver import database
from receiver.testing import TEMPLATE, Server
from tests.commands import Scripted, wav
from tests.database.test_session import Pooler
from tests.faults.proxy import Proxy
from tests.processes import free_port

API = "https://elsewhere.invalid"  # whose requests need proxies and certificates; nobody is asked
NO_TEXT = "a\udcfc"  # as Python reads an argument or a variable that is not UTF-8
ROLES = """
    create role receiver_nobody login;
    create role receiver_reader login;
    grant usage on schema receiver to receiver_reader;
    grant select on all tables in schema receiver to receiver_reader
"""
_cells = count(1)
LOG_LINE = re.compile(r"(\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d\.\d{3}Z? ")


class Need(Flag):
    """What a call needs: a database that is there (`STORED`), where there is one (`SHARED`), or to make it (`MADE`)."""

    SETTINGS = auto()
    STORED = auto()
    SHARED = auto()
    MADE = auto()
    SCHEMA = auto()
    SPOOL = auto()
    NOTES = auto()
    HANDLERS = auto()
    PROVIDER = auto()
    KEY = auto()
    PORT = auto()
    WRITES = auto()
    OUTPUT = auto()


DATABASE = Need.STORED | Need.SHARED | Need.MADE
FOLDERS = Need.SPOOL | Need.NOTES
LOOKS = Need.SETTINGS | Need.STORED | Need.SCHEMA
TELLS = Need.PROVIDER | Need.KEY | Need.WRITES  # every request to the provider is counted in the database
ASKS = Need.SETTINGS | Need.SHARED | Need.SCHEMA | TELLS
NOTHING = Need(0)
NOBODY_SENDS = "no worker has been seen"


@dataclass(frozen=True, slots=True)
class Call:
    """One way to call a command.

    Attributes:
        line: its arguments.
        needs: what it needs.
        otherwise: why it fails all the same where nothing is spoilt.
        ready: what it says when it runs, where it ends only when it is told to.
    """

    line: str
    needs: Need
    otherwise: str = ""
    ready: str = ""

    @property
    def command(self) -> str:
        return self.line.split()[0]


CALLS = (
    Call("up", Need.SETTINGS | Need.MADE | Need.HANDLERS | Need.PORT, ready="web    listening on"),
    Call("serve", Need.SETTINGS | Need.MADE | Need.SCHEMA | Need.HANDLERS | Need.PORT | Need.SPOOL,
         ready="listening on"),
    Call("work", Need.SETTINGS | Need.MADE | Need.SCHEMA | Need.HANDLERS, ready="working with"),
    Call("sandbox --port {port}", Need.SETTINGS | Need.PORT, ready="sandbox: export"),
    Call("migrate", Need.SETTINGS | Need.MADE),
    Call("register --url {receiver}", LOOKS | TELLS),
    Call("secrets", LOOKS | Need.OUTPUT),
    Call("retire-secret 3f9c0a12b4de", LOOKS, otherwise="no registered secret of"),
    Call("test-event --wait 0", ASKS | Need.STORED, otherwise="A webhook of this key does not exist"),
    Call("check", LOOKS | Need.SPOOL | Need.HANDLERS | TELLS | Need.OUTPUT),
    Call("check --json", LOOKS | Need.SPOOL | Need.HANDLERS | TELLS | Need.OUTPUT),
    Call("forward", LOOKS),
    Call("forward --resume shop", LOOKS | Need.WRITES, otherwise="there is no target shop"),
    Call("providers", Need.SETTINGS | Need.SHARED | Need.SCHEMA | Need.OUTPUT),
    Call("providers thunderscribe", Need.OUTPUT),
    Call("tokens list", Need.SETTINGS, otherwise="there is no account of timbr"),
    Call("submit {recording} --provider thunderscribe -o language=en", Need.SETTINGS,
         otherwise="there is no account of thunderscribe"),
    Call("submissions", LOOKS),
    Call("costs", LOOKS),
    Call("resolve sub_1", LOOKS, otherwise="there is no submission sub_1"),
    Call("artifacts sub_1", LOOKS, otherwise="there is no submission sub_1"),
    Call("account", ASKS | Need.OUTPUT),
    Call("pipelines", ASKS | Need.OUTPUT),
    Call("quote https://example.com/a.mp3", ASKS | Need.OUTPUT),
    Call("transcribe https://example.com/a.mp3", ASKS | Need.NOTES, otherwise=NOBODY_SENDS),
    Call("transcribe https://example.com/b.mp3 --wait", ASKS | Need.NOTES, otherwise=NOBODY_SENDS),
    Call("quote {recording}", ASKS | Need.OUTPUT),
    Call("transcribe {recording}", ASKS | Need.NOTES, otherwise=NOBODY_SENDS),
    Call("transcriptions", ASKS | Need.OUTPUT),
    Call("transcript 1", ASKS, otherwise="code:"),
    Call("timestamps 1", ASKS, otherwise="code:"),
    Call("timestamps 1 --regenerate x --yes", ASKS, otherwise="code:"),
    Call("retry 1 --yes", ASKS, otherwise="code:"),
    Call("delete 1 --yes", ASKS, otherwise="code:"),
    Call("events", LOOKS),
    Call("show evt_1", LOOKS, otherwise="there is no event evt_1"),
    Call("jobs", LOOKS),
    Call("dead", LOOKS),
    Call("drop --handler a --yes", LOOKS | Need.HANDLERS),
    Call("prune --older-than 90d --yes", LOOKS | Need.WRITES),
    Call("reconcile", LOOKS | TELLS | Need.HANDLERS),
    Call("replays", LOOKS),
    Call("replay evt_1", LOOKS | Need.HANDLERS, otherwise="there is no event evt_1"),
    Call("handlers", Need.SETTINGS | Need.HANDLERS | Need.OUTPUT),
    Call("init", Need.SETTINGS),
    Call("schema event", Need.OUTPUT),
    Call("deploy compose", Need.OUTPUT),
    Call("spool", Need.SETTINGS | Need.SPOOL | Need.OUTPUT),
    Call("spool --take-over", LOOKS | Need.HANDLERS | Need.SPOOL | Need.OUTPUT),
    Call("send --sample test --url {receiver}", LOOKS | Need.OUTPUT),
    Call("diagnose {recording}", Need.SETTINGS, otherwise="there is no empty line"),
    Call("diagnose --last", LOOKS | Need.OUTPUT),
    Call("status", Need.SETTINGS | Need.OUTPUT),
    Call("metrics --rules", Need.OUTPUT),
    Call("metrics --listen 127.0.0.1:{port}", Need.SETTINGS | Need.STORED | Need.PORT, ready="metrics are at"),
    Call("search words", LOOKS),
    Call("console --link", LOOKS, otherwise="no console has ever run on this machine"),
    Call("mcp --http {port}", Need.SETTINGS | Need.STORED | Need.PORT, ready="assistants can ask at"),
    Call("console --port {port}", Need.SETTINGS | Need.STORED | Need.PORT, ready="the console is at"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """What a call meets.

    Attributes:
        name: for people.
        spoils: what cannot be used.
        said: what names the cause, as a regular expression.
        environment: what is set; `{…}` are the names of places.
        passes: whether it is an outage, with which what a platform runs for long begins all the same.
        mended: whether what makes a database mends it, so that it does not meet it.
        alone: whether it does not meet `up`, for whose processes it is another one, or none.
    """

    name: str
    spoils: Need
    said: str
    environment: Mapping[str, str] = field(default_factory=dict)
    passes: bool = False
    mended: bool = False
    alone: bool = False

    def meets(self, call: Call) -> bool:
        """Whether there is such a cell."""
        return not (self.mended and Need.MADE in call.needs) and not (self.alone and call.command == "up")

    def touches(self, call: Call) -> bool:
        """Whether a call cannot do what it does."""
        return bool(self.spoils & call.needs) and not (self.passes and call.ready and call.needs & Need.SCHEMA)


@dataclass(frozen=True, slots=True)
class Around(Condition):
    """A condition that only a process of its own can meet.

    Attributes:
        before: what a shell does before it; the last word becomes the process.
        after: where its streams go.
        within: the working folder.
        streams: whether it is about these, of which what runs for long has tests of its own.
        mute: whether its stderr is lost.
    """

    before: str = "exec"
    after: str = ""
    within: str = ""
    streams: bool = False
    mute: bool = False

    def meets(self, call: Call) -> bool:
        """Whether there is such a cell."""
        return Condition.meets(self, call) and not (self.streams and call.ready)


def _of_the_database(name: str, said: str, place: str, **more: str) -> Condition:
    return Condition(name, DATABASE, said, {"DATABASE_URL": f"{{{place}}}"} | more)


def _of_egress(name: str, said: str, **environment: str) -> Condition:
    return Condition(name, Need.PROVIDER, said, {"TRANSCRIBE_API_URL": API, **environment})


CONDITIONS = (
    Condition("no data", Need.STORED, "no data here|there is no database",
              {"DATABASE_URL": ""}, mended=True),
    _of_the_database("no rights", "the role cannot use the schema receiver .*`grant usage", "guest"),
    Condition("rights to look only", Need.WRITES, "(the role lacks .*|it needs )`grant usage",
              {"DATABASE_URL": "{reader}"}),
    _of_the_database("a wrong password", "refuses us: password authentication .* check user and password", "password"),
    _of_the_database("a wrong database", "does not exist: check the database's name in DATABASE_URL", "nowhere"),
    _of_the_database("a pooler that refuses", "unsupported startup parameter: x: remove it", "pooler"),
    _of_the_database("LATIN1", "encoding is LATIN1.*create a database with encoding UTF8", "latin"),
    Condition("no schema", Need.SCHEMA, "run `receiver migrate`", {"DATABASE_URL": "{empty}"}, mended=True),
    _of_the_database("an @ in the password", "must be percent-encoded", "unescaped"),
    _of_the_database("PGSSLMODE", "PGSSLMODE must be one of disable,", "password", PGSSLMODE="sometimes"),
    _of_the_database("no TLS there", "does not support TLS, but sslmode=require requires it", "password",
                     PGSSLMODE="require"),
    _of_the_database("PGSSLROOTCERT", "PGSSLROOTCERT: .* cannot be read", "password", PGSSLMODE="verify-full",
                     PGSSLROOTCERT="{gone}"),
    _of_the_database("the database's authorities", "SSL_CERT_FILE: .* cannot be read", "trusting",
                     SSL_CERT_FILE="{gone}"),
    _of_the_database("the database's SSLKEYLOGFILE", "SSLKEYLOGFILE: .* cannot be written", "encrypting",
                     SSLKEYLOGFILE="{gone}"),
    Condition("no server", DATABASE, r"does not answer \(connection refused\): is PostgreSQL running there",
              {"DATABASE_URL": "{away}"}, passes=True),
    Condition("a pooler without a server", DATABASE, "accepts no connection now: pgbouncer cannot connect",
              {"DATABASE_URL": "{waiting}"}, passes=True),
    Condition("a file for a folder", DATABASE | FOLDERS, "cannot be used .*RECEIVER_(DATA|SPOOL)_DIR",
              {"DATABASE_URL": "", "RECEIVER_DATA_DIR": "{file}"}),
    Condition("a file for a folder beside a database", Need.SPOOL, "cannot be used .*RECEIVER_",
              {"RECEIVER_DATA_DIR": "{file}"}, alone=True),
    Condition("a file for the spool", Need.SPOOL, "cannot be used .*RECEIVER_SPOOL_DIR",
              {"RECEIVER_SPOOL_DIR": "{file}"}, passes=True),
    Condition("a folder nobody can make", Need.STORED | Need.MADE | Need.NOTES,
              "set RECEIVER_DATA_DIR|there is no database",
              {"DATABASE_URL": "", "RECEIVER_DATA_DIR": "/proc/nobody/data"}),
    Condition("a secret that is not mounted", Need.SETTINGS, r"DATABASE_URL_FILE: cannot be read",
              {"DATABASE_URL": "", "DATABASE_URL_FILE": "{gone}"}),
    Condition("settings that are wrong", Need.SETTINGS, "TRANSCRIBE_API_URL: must .*; RECEIVER_LANES: ",
              {"RECEIVER_LANES": "8a", "TRANSCRIBE_API_URL": "transcribe"}),
    Condition("a setting that is no text", Need.SETTINGS, "PUBLIC_URL: is not UTF-8", {"PUBLIC_URL": NO_TEXT}),
    Condition("no such handlers", Need.HANDLERS, "no_such_handlers", {"RECEIVER_HANDLERS": "no_such_handlers"}),
    Condition("a port that is taken", Need.PORT, "is taken|in use", {"PORT": "{taken}"}),
    Condition("no key", Need.KEY, "TRANSCRIBE_API_KEY", {"TRANSCRIBE_API_KEY": ""}),
    Condition("a key that is refused", Need.PROVIDER, "unauthenticated|invalid_api_key|API key",
              {"TRANSCRIBE_API_KEY": "wrong_key"}),
    _of_egress("HTTPS_PROXY", "HTTPS_PROXY: must be the address of a proxy", HTTPS_PROXY="host:not-a-port"),
    _of_egress("ALL_PROXY", "ALL_PROXY: a SOCKS proxy needs the package socksio", ALL_PROXY="socks5://127.0.0.1:1"),
    _of_egress("SSL_CERT_FILE", "SSL_CERT_FILE: cannot be used", SSL_CERT_FILE="{gone}"),
    _of_egress("SSLKEYLOGFILE", "SSLKEYLOGFILE: cannot be used", SSLKEYLOGFILE="{gone}/keys"),
    Condition("variables about others", NOTHING, "", {
        "HTTP_PROXY": "socks5://127.0.0.1:1", "HTTPS_PROXY": "host:not-a-port", "no_proxy": "[::1],fd00::/8,*.",
        "SSL_CERT_FILE": "{gone}", "SSLKEYLOGFILE": "{gone}/keys", "PGSSLMODE": "sometimes", "PGPORT": "x",
        "LC_ALL": "de_DE.ISO-8859-1", "TZ": "Nowhere/Nothing", "XDG_CACHE_HOME": "{gone}", "HOME": "{gone}",
    }),
)  # fmt: skip


AS_NOBODY = "exec setpriv --reuid=12345 --regid=12345 --clear-groups"
WITHOUT_DATABASE = {"DATABASE_URL": "", "RECEIVER_DATA_DIR": ""}
AROUND = (
    # Python itself may lie where only root gets through.
    Around("an unknown user", NOTHING, "", {"DATABASE_URL": "{far}", "HOME": "/"}, before=AS_NOBODY, alone=True),
    Around("another user's home", DATABASE, "HOME: .* cannot be read .*: set HOME",
           {"DATABASE_URL": "{far}", "HOME": "{private}"}, before=AS_NOBODY),
    Around("an unknown user without a database", Need.STORED | Need.MADE, "no data here|there is no database|"
           "for a user without a name, and uid 12345 has no name: set DATABASE_URL", {"DATABASE_URL": ""},
           before=AS_NOBODY),
    Around("another user's folder", DATABASE | FOLDERS, "belongs to another user|Permission denied",
           {"DATABASE_URL": "", "RECEIVER_DATA_DIR": "{private}"}, before=AS_NOBODY),
    Around("a working folder that cannot be written to", Need.STORED | Need.MADE | Need.NOTES,
           "no data here|there is no database|cannot be made .*RECEIVER_DATA_DIR", WITHOUT_DATABASE, within="/proc"),
    Around("a working folder that is gone", Need.SETTINGS, "the working folder does not exist any more",
           before='d=$(mktemp -d); cd "$d"; rmdir "$d"; exec'),
    Around("ASCII", NOTHING, "", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    Around("latin-1", NOTHING, "", {"PYTHONIOENCODING": "latin-1", "LC_ALL": "de_DE.ISO-8859-1"}),
    Around("a full disk under stdout", Need.OUTPUT, r"the output cannot be written \(No space left on device\)",
           after="> /dev/full", streams=True),
    Around("a closed stdout", NOTHING, "", after=">&-", streams=True),
    Around("a full disk under stderr", NOTHING, "", after="2> /dev/full", streams=True, mute=True),
    Around("a closed stderr", NOTHING, "", after="2>&-", streams=True, mute=True),
    Around("a closed stdin", NOTHING, "", after="<&-", streams=True),
    Around("every stream closed", NOTHING, "", after="<&- >&- 2>&-", streams=True, mute=True),
)  # fmt: skip


class Ran(Protocol):
    """What a command did."""

    @property
    def exit_code(self) -> int: ...
    @property
    def stdout(self) -> str: ...
    @property
    def stderr(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Said:
    """What a process did."""

    exit_code: int
    stdout: str
    stderr: str


def judge(call: Call, condition: Condition, ran: Ran) -> str:
    """Return what is wrong with a cell, or nothing."""
    said = f"{ran.stdout}{ran.stderr}"
    errors = [line for line in ran.stderr.splitlines() if not _is_told(call, line)]
    wrong = {
        "a traceback": "Traceback" in said,
        "a bug in receiver": "a bug in receiver" in said,
    }
    if not condition.touches(call):
        otherwise = _otherwise(call, condition)
        wrong["it should work"] = ran.exit_code not in (0, 1) or (ran.exit_code == 1) != bool(otherwise)
        wrong["another cause"] = otherwise not in ran.stderr and not _is_mute(condition)
    elif call.command == "check" and not condition.spoils & (Need.SETTINGS | Need.OUTPUT):
        findings = [line for line in ran.stdout.splitlines() if re.match('!!|.*"(seen|todo)":', line)]
        wrong["status"] = ran.exit_code != 1
        wrong["no finding"] = not any(re.search(condition.said, line) for line in findings)
        wrong["more than findings"] = bool(errors)
    else:
        wrong["status"] = ran.exit_code != 1
        wrong["not one line"] = not errors or any(not line.startswith("  ") for line in errors[1:])
        wrong["no error"] = not errors or not errors[0].startswith("Error: ")
        wrong["no cause"] = re.search(condition.said, "\n".join(errors)) is None
        wrong["data"] = bool(ran.stdout)
    found = [name for name, holds in wrong.items() if holds]
    return f"{', '.join(found)}: {ran.exit_code} {ran.stdout!r} {ran.stderr!r}" if found else ""


def _otherwise(call: Call, condition: Condition) -> str:
    """Return why a call fails all the same. Without a database a command sends by itself what is paid for."""
    sends_itself = call.otherwise == NOBODY_SENDS and condition.environment.get("DATABASE_URL") == ""
    return "" if sends_itself else call.otherwise


def _is_told(call: Call, line: str) -> bool:
    """Whether a line is no error: what runs for long logs, whose handlers and what is paid for is said first."""
    is_log = LOG_LINE.match(line) and (call.ready or "using the bundled handlers" in line)
    return bool(is_log) or line.startswith("submitted as transcription ")


def _is_mute(condition: Condition) -> bool:
    return isinstance(condition, Around) and condition.mute


@contextmanager
def places(server: Server, folder: Path) -> Iterator[dict[str, str]]:
    """Yield what the conditions name: databases, servers that refuse, ports, files; one of each."""
    with ExitStack() as stack:
        made: dict[str, str] = {}
        stack.callback(_execute, server.url, "drop role receiver_nobody, receiver_reader")
        for name, options in {
            "good": ("--template", TEMPLATE),
            "empty": (),
            "latin": ("--encoding", "LATIN1", "--locale", "C", "--template", "template0"),
        }.items():
            made[name] = server.create(f"receiver_{name}", *options)
            stack.callback(server.drop, f"receiver_{name}")
        _execute(made["good"], ROLES)
        refusing = stack.enter_context(answering("28P01", 'password authentication failed for user "pod"'))
        answer = Scripted()
        answer.answers["POST /webhooks/transcribe-so"] = [(200, {})]
        stack.enter_context(answer.running())
        taken = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        (folder / "file").touch()
        (folder / "private").mkdir(mode=0o700)
        yield made | {
            "guest": made["good"].replace("receiver@", "receiver_nobody@"),
            "reader": made["good"].replace("receiver@", "receiver_reader@"),
            "recording": str(wav(folder / "recording.wav")),
            "nowhere": made["good"].replace("/receiver_good", "/receiver_nowhere"),
            "password": refusing,
            "trusting": f"{refusing}?sslrootcert=system",
            "encrypting": f"{refusing}?sslmode=require",
            "unescaped": "postgresql://pod:hunter2@sesame/x@127.0.0.1/d",
            "pooler": stack.enter_context(answering("08P01", "unsupported startup parameter: x")),
            "waiting": stack.enter_context(answering("08P01", "pgbouncer cannot connect to server")),
            "away": f"postgresql://pod:hunter2@127.0.0.1:{free_port()}/d",
            "receiver": answer.url, "taken": str(taken.getsockname()[1]),
            "gone": str(folder / "gone" / "data"), "file": str(folder / "file"),
            "far": stack.enter_context(Proxy(made["good"]).running()).url,
            "private": str(folder / "private"),
        }  # fmt: skip


@contextmanager
def answering(sqlstate: str, words: str) -> Iterator[str]:
    """Yield the URL of a server that refuses every start of a connection in these words."""
    pooler, url = Pooler(sqlstate, words), ""
    listens, ended = threading.Event(), asyncio.Event()

    async def listen() -> None:
        nonlocal url
        async with pooler.listening() as url:
            listens.set()
            await ended.wait()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(listen()))
    thread.start()
    listens.wait()
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def _execute(url: str, statement: str) -> None:
    async def run() -> None:
        connection = await database.connect(url)
        await connection.execute(statement)
        await connection.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(run())


def register(url: str, *api_urls: str) -> None:
    """Let a database know a secret for each of these APIs, and for the one that is elsewhere."""
    for api_url in (*api_urls, API):
        _execute(
            url,
            "insert into receiver.registrations (api_url, key_fingerprint, callback_url, idempotency_key, "
            "registered_at, secret) values "
            f"('{api_url}', 'another', 'https://example.com', 'k', now(), 'whsec_of_the_table')",
        )


def arguments(call: Call, places: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """Return a call's arguments."""
    given = call.line.format_map({**places, "port": environment["PORT"]}).split()
    # What was asked for before is not asked for again.
    return [*given, "--language", f"en-x-{next(_cells)}"] if call.otherwise == NOBODY_SENDS else given


def environment(condition: Condition, places: Mapping[str, str], key: str, api_url: str) -> dict[str, str]:
    """Return what is set in a cell."""
    base = {
        "DATABASE_URL": places["good"], "TRANSCRIBE_API_URL": api_url, "TRANSCRIBE_API_KEY": key,
        "PORT": str(free_port()), "TRANSCRIBE_WEBHOOK_SECRET": "", "SSL_CERT_DIR": "", "SSL_CERT_FILE": "",
        "RECEIVER_MCP_TOKEN": "a-token-of-the-assistants",
    }  # fmt: skip
    return base | {name: value.format_map(places) for name, value in condition.environment.items()}
