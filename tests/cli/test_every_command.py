"""What holds for every command: exit statuses, one readable error, pipes, Ctrl-C, no stranger's control characters."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import receiver
from receiver.cli import MODULES, main
from receiver.testing import TEMPLATE, Server
from tests.commands import Commands, Scripted, Simulated, error, heeding_ctrl_c, press_ctrl_c, wav
from tests.processes import REPOSITORY, Processes, open_folder, until

EVIL = "\x1b[31mred\x07\r\n\u202eevil"
YOUTUBE = "https://youtu.be/dQw4w9WgXcQ"


# --- errors ----------------------------------------------------------------------------------------------------------


def test_a_providers_error_is_one_block(commands: Commands) -> None:
    ran = commands.run("account", TRANSCRIBE_API_KEY="nonsense")
    assert (ran.exit_code, ran.stdout) == (1, "")
    said, code, request, see = ran.stderr.splitlines()
    assert said.startswith("Error: ")
    assert "The key is malformed, unknown, revoked or expired." in said
    assert code == "  code:       invalid_api_key (HTTP 401)"
    assert request.startswith("  request id: req_")
    assert see.startswith("  see:        https://transcribe.so/")
    assert "nonsense" not in ran.stderr


def test_an_answer_that_makes_no_sense_is_one_block(commands: Commands, sandbox: Simulated) -> None:
    sandbox.plan(endpoint="/me", kind="malformed")
    ran = commands.run("account")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[1:] == ["  code:       malformed_answer"]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds that a command would have slept (15 in all for its retries). It does not sleep."""
    noted: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        if threading.current_thread() is threading.main_thread():  # the sandbox runs in another thread
            noted.append(seconds)
        else:
            await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", note)
    return noted


def test_a_provider_that_is_away_is_asked_again_and_then_told(folder: Path, pauses: list[float]) -> None:
    ran = Commands(folder, "http://127.0.0.1:1").run("account")
    assert pauses == [1, 2, 4, 8]
    assert (ran.exit_code, ran.stdout) == (1, "")
    *tries, said, code = ran.stderr.splitlines()
    away = "http://127.0.0.1:1 cannot be reached (connection refused): is the address right, are you online?"
    assert (said, code) == (f"Error: {away}", "  code:       unreachable")
    assert [line.partition(away)[2] for line in tries] == [f"; retrying in {pause:g} s" for pause in pauses]


@pytest.mark.usefixtures("pauses")
def test_what_never_reached_the_provider_is_not_said_to_have_been_submitted(folder: Path) -> None:
    ran = Commands(folder, "http://127.0.0.1:1").run("transcribe", YOUTUBE)
    assert (ran.exit_code, "unreachable" in ran.stderr) == (1, True)
    assert "It might have been submitted" not in ran.stderr
    assert "submitted as" not in ran.stderr


KEYED = (
    ("account",), ("pipelines",), ("transcriptions",), ("transcribe", YOUTUBE), ("quote", YOUTUBE), ("retry", "1"),
    ("delete", "1"), ("test-event",), ("timestamps", "1", "--regenerate", "x"),
)  # fmt: skip


@pytest.mark.parametrize("arguments", KEYED, ids=lambda arguments: arguments[0])
def test_without_a_key_one_sentence_says_what_to_set(commands: Commands, arguments: tuple[str, ...]) -> None:
    ran = commands.run(*arguments, TRANSCRIBE_API_KEY="")
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert "TRANSCRIBE_API_KEY is not set: create a key in the provider's settings and set it" in ran.stderr
    assert "for the sandbox, run the line `export …` that `receiver up --sandbox` prints" in ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [*KEYED, ("transcript", "1"), ("register",), ("secrets",), ("retire-secret", "f"), ("send", "--sample", "failed")],
    ids=lambda arguments: arguments[0],
)
def test_an_account_that_is_not_there_is_one_sentence_and_nothing_is_asked(
    commands: Commands, sandbox: Simulated, arguments: tuple[str, ...]
) -> None:
    ran = commands.run(*arguments, "--account", "small-show", TRANSCRIBE_API_KEY__BIG_SHOW="x")
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert (
        "there is no account small-show of transcribe.so; there are: default, big-show. TRANSCRIBE_API_KEY__SMALL"
        in ran.stderr
    )
    assert sandbox.asked() == []


def test_a_command_asks_with_the_key_of_the_account_that_is_named(commands: Commands, sandbox: Simulated) -> None:
    sandbox.made("https://example.com/a.mp3")
    other = {"TRANSCRIBE_API_KEY__BIG_SHOW": f"{sandbox.key}_of_the_big_show"}
    listed = [len(commands.read("transcriptions", *named, **other)) for named in ((), ("--account", "big-show"))]
    assert listed == [2, 1]


@pytest.fixture(scope="module")
def old_database(receiver_server: Server) -> Iterator[str]:
    name = "receiver_test_running"
    url = receiver_server.create(name, "--template", TEMPLATE)
    with open_folder() as folder, Processes(folder) as processes:
        processes.environment["DATABASE_URL"] = url
        processes.sql("delete from receiver.migrations where version > 2")
        yield url
    receiver_server.drop(name)


@pytest.mark.parametrize("arguments", [*KEYED, ("transcript", "1"), ("secrets",)], ids=lambda arguments: arguments[0])
def test_a_database_older_than_the_code_says_how_to_migrate(
    commands: Commands, old_database: str, arguments: tuple[str, ...]
) -> None:
    ran = commands.run(*arguments, DATABASE_URL=old_database)
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert "`receiver migrate`" in ran.stderr


def test_a_wrong_setting_is_named_and_not_shown(commands: Commands) -> None:
    ran = commands.run("account", TRANSCRIBE_API_URL="sesame", RECEIVER_LOG="sesame")
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert "TRANSCRIBE_API_URL: " in ran.stderr
    assert "RECEIVER_LOG: " in ran.stderr
    assert "sesame" not in ran.stderr


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_explains_itself_with_examples(commands: Commands, name: str) -> None:
    shown = commands.good(name, "--help")
    assert "Usage: " in shown
    assert f"\n  receiver {name}" in shown or f"receiver {name}" in shown.partition("Examples:")[2]
    with click.Context(main) as context:
        assert name in main.get_help(context)


# --- strangers' text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("account",), ("pipelines",), ("transcriptions",), ("transcript", "7"), ("transcript", "7", "--format", "srt"),
        ("transcript", "7", "--format", "markdown"), ("timestamps", "7"), ("quote", YOUTUBE), ("retry", "7"),
        ("retry", "8"), ("retry", "7", "--yes"), ("delete", "7"), ("transcribe", YOUTUBE, "--wait"),
        ("transcribe", YOUTUBE, "--json"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_control_character_of_the_provider_reaches_the_terminal(folder: Path, arguments: tuple[str, ...]) -> None:
    about = {"id": 7, "status": "failed", "title": EVIL, "pipeline_code": EVIL, "error": EVIL, "stage": EVIL}
    part = {"start_seconds": 0, "end_seconds": 1, "title": EVIL, "summary": EVIL, "text": EVIL, "speaker": EVIL}
    result = {"id": 7, "status": "completed", "segments": [part], "chapters": [part], "sections": [part]}
    with Scripted().running() as provider:
        prefix = "/api/v1/transcriptions"
        provider.answers = {
            "GET /api/v1/me": [(200, {"email": EVIL, "subscription_tier": EVIL, "links": {"billing": EVIL}})],
            "GET /api/v1/pipelines": [(200, {"pipelines": [{"code": EVIL, "name": EVIL}]})],
            f"GET {prefix}?limit=200": [(200, {"data": [about, {**about, "id": 9, "status": EVIL}]})],
            f"GET {prefix}/7": [(200, about)],
            f"GET {prefix}/8": [(200, {**about, "id": 8, "status": EVIL})],
            f"GET {prefix}/7/result?include=segments%2Cchapters%2Csections%2Cqna": [(200, result)],
            f"GET {prefix}/7/timestamps?format=youtube&style=balanced": [
                (200, {"format": "youtube", "text": EVIL, "warnings": [EVIL]})
            ],
            "POST /api/v1/quotes": [(400, error(EVIL, EVIL, doc_url=EVIL, request_id=EVIL))],
            f"POST {prefix}": [(202, about)],
            f"POST {prefix}/7/retry": [(202, {**about, "status": EVIL})],
            f"GET {prefix}/7/wait?timeout=45": [(200, about)],
        }
        ran = Commands(folder, provider.url).run(*arguments, stdin="n\n")
    assert "red" in ran.output
    assert not {*"\x1b\x07\r\u202e"} & {*ran.output}


# --- processes -------------------------------------------------------------------------------------------------------


def settings(commands: Commands) -> dict[str, str]:
    return {name: value for name, value in commands.environment.items() if value is not None}


def test_ctrl_c_while_waiting_says_how_to_go_on(processes: Processes, commands: Commands, sandbox: Simulated) -> None:
    sandbox.plan(endpoint="/wait", kind="hang")
    with heeding_ctrl_c():
        waiting = processes.start("transcribe", YOUTUBE, "--wait", **settings(commands))
    waiting.until_logged("submitted as transcription")
    until(lambda: not sandbox.http.get("/sandbox/faults").json()["faults"], "it waits")
    assert waiting.end(signal.SIGINT) == 130
    assert waiting.out.read_text() == ""
    said = (
        f"run the same command in this folder to continue; you do not pay twice (notes in {commands.folder / 'data'})"
    )
    assert waiting.log.splitlines()[1:] == [f"interrupted: {said}"]


def test_a_reader_that_has_gone_changes_no_exit_status(processes: Processes, commands: Commands) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        ran = subprocess.run(
            [sys.executable, "-m", "receiver", "transcript", "4821"],
            cwd=processes.folder, env=processes.environment | settings(commands), stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.PIPE, timeout=100, check=False,
        )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, b"")


# --- what is copied from somewhere -----------------------------------------------------------------------------------


def test_blanks_around_an_id_are_nothing() -> None:
    ids = [
        (name, argument.process_value(click.Context(command), " 4821\u00a0\n"))
        for name, command in main.commands.items()
        for argument in command.params
        if isinstance(argument, click.Argument)
        and not isinstance(argument.type, click.Choice)
        and argument.name not in ("recording", "file", "typed", "name", "words")
    ]
    names = (
        "artifacts", "delete", "drop", "events", "jobs", "replay", "resolve", "retire-secret", "retry", "show",
        "timestamps", "transcript",
    )  # fmt: skip
    assert sorted(ids) == [(name, "4821") for name in names]


# --- what a command cannot print -------------------------------------------------------------------------------------


def printed(processes: Processes, commands: Commands, *redirections: str, **environment: str) -> tuple[int, str]:
    """Run `transcript 4821` in a shell with these redirections; returns its exit status and stderr."""
    return shell(processes, commands, f"transcript 4821 {' '.join(redirections)}", **environment)


def shell(processes: Processes, commands: Commands, line: str, **environment: str) -> tuple[int, str]:
    """Run a command in a shell; returns its exit status and stderr."""
    ran = subprocess.run(
        ["bash", "-c", f'exec "$0" -m receiver {line}', sys.executable],
        cwd=processes.folder, env=processes.environment | settings(commands) | environment, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=100, check=False,
    )  # fmt: skip
    return ran.returncode, ran.stderr.decode()


def test_a_full_disk_under_the_output_is_named_as_that(processes: Processes, commands: Commands) -> None:
    said = "Error: the output cannot be written (No space left on device)\n"
    assert printed(processes, commands, "> /dev/full") == (1, said)


def test_timestamps_that_were_made_and_cannot_be_printed_are_told_to_be_there(
    processes: Processes, commands: Commands, sandbox: Simulated
) -> None:
    """If a person made them again, they would be charged again."""
    status, said = shell(processes, commands, "timestamps 4821 --style punchy --regenerate x --yes > /dev/full")
    assert (status, "the output cannot be written" in said) == (1, True)
    assert "they are made and stored: `receiver timestamps 4821 --format youtube --style punchy` shows them" in said
    assert commands.good("timestamps", "4821", "--format", "youtube", "--style", "punchy")
    assert len(sandbox.asked("/regenerate")) == 1


def test_what_is_only_told_may_be_lost(processes: Processes, commands: Commands) -> None:
    assert printed(processes, commands, "> transcript", "2> /dev/full") == (0, "")
    assert printed(processes, commands, "> again", "2>&-", "<&-", PYTHONIOENCODING="latin-1") == (0, "")
    texts = [(processes.folder / name).read_bytes() for name in ("transcript", "again")]
    assert texts[0] == texts[1] == commands.good("transcript", "4821").encode()


# --- what cannot be read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("transcript", "a\udcfc"), ("timestamps", "a\udcfc"), ("show", "a\udcfc"), ("replay", "a\udcfc"),
        ("register", "--url", "http://a\udcfc"), ("register", "--url=http://a\udcfc"), ("quote", "https://a\udcfc/"),
        ("transcribe", YOUTUBE, "--language", "d\udce4"), ("transcribe", "https://youtu.be/\udce4"), ("a\udcfc",),
        ("send", "--url", "http://a\udcfc"), ("secrets", "--\udcfc"),
    ],
    ids=lambda arguments: ascii(" ".join(arguments)),
)  # fmt: skip
def test_an_argument_that_is_no_text_is_refused_before_anything_is_noted(
    commands: Commands, arguments: tuple[str, ...]
) -> None:
    ran = commands.run(*arguments)
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert "is not UTF-8" in ran.stderr
    assert not (commands.folder / "data").exists()


def test_a_file_may_have_a_name_that_is_no_text(commands: Commands, sandbox: Simulated) -> None:
    path = wav(commands.folder / "M\udcfcller.wav")
    assert commands.good("quote", path).startswith("$")
    commands.good("transcribe", path)
    assert [one["title"] for one in sandbox.submitted()] == ["M?ller.wav"]


# --- the end of a command --------------------------------------------------------------------------------------------


def broken() -> None:
    raise KeyError("secret")


@pytest.mark.parametrize("level", ["info", "debug"])
def test_what_nobody_foresaw_is_one_line_and_its_place_is_in_the_log(
    level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(level.upper())
    group = type(main)(commands={"broken": click.Command("broken", callback=broken)})
    ran = CliRunner().invoke(group, ["broken"], catch_exceptions=False)
    said = "Error: a bug in receiver: KeyError; RECEIVER_LOG_LEVEL=debug shows where\n"
    assert (ran.exit_code, ran.stdout, ran.stderr) == (1, "", said)
    assert ("in broken" in caplog.text) == (level == "debug")


@pytest.mark.parametrize(("command", "module"), [("events", "click"), ("serve", "uvicorn")])
def test_ctrl_c_while_modules_are_imported_is_one_line(processes: Processes, command: str, module: str) -> None:
    """Also where a module that is being imported swallows the interruption."""
    swallows = """
import contextlib, pathlib, time
pathlib.Path("begun").touch()
with contextlib.suppress(KeyboardInterrupt):
    time.sleep(100)
raise SystemExit("it was imported")
"""
    (processes.folder / f"{module}.py").write_text(swallows)
    with heeding_ctrl_c():
        process = processes.start(command, PYTHONPATH=f"{processes.folder}:{REPOSITORY}")
    until((processes.folder / "begun").exists, "it imports")
    assert (process.end(signal.SIGINT), process.log) == (130, "interrupted\n")


def imported(module: str) -> set[str]:
    """Return the modules that a process has imported with this one."""
    code = f"import {module}, sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return {*ran.stdout.split()}


def test_importing_the_package_imports_nothing_that_takes_long() -> None:
    assert not {"asyncio", "asyncpg", "pydantic", "click"} & imported("receiver.__main__")
    assert all(getattr(receiver, name) for name in receiver.__all__)


def test_a_command_waits_for_no_module_of_another() -> None:
    modules = {f"receiver.cli.{module}" for module in MODULES.values()}
    assert not modules & imported("receiver.cli")
    assert modules & imported("receiver.cli.inbox") == {"receiver.cli.inbox"}


def test_a_command_waits_for_no_command_line_of_httpx() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "receiver", "serve", "--help"]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    modules = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "httpx._client" in modules
    assert not {"rich", "pygments"} & modules


def test_ctrl_c_at_a_question_is_one_line_and_nothing_is_done(
    processes: Processes, commands: Commands, sandbox: Simulated
) -> None:
    number = sandbox.made("https://example.com/a.mp3")
    reader, writer = os.pipe()
    processes.stdin = reader
    with heeding_ctrl_c():
        asked = processes.start("delete", str(number), **settings(commands))
    asked.until_logged("permanently?")
    assert press_ctrl_c(asked.popen, lambda: asked.popen.send_signal(signal.SIGINT)) == 130
    os.close(reader)
    os.close(writer)
    assert asked.log.splitlines()[-1].endswith("interrupted")
    assert "Aborted" not in asked.log
    assert sandbox.get(f"transcriptions/{number}")["id"] == number


def test_no_at_a_question_aborts(commands: Commands, sandbox: Simulated) -> None:
    number = sandbox.made("https://example.com/a.mp3")
    ran = commands.run("delete", str(number), stdin="n\n")
    assert (ran.exit_code, ran.stderr.splitlines()[-1]) == (1, "Aborted!")
