"""`receiver init`: a project whose handler runs, whose test passes, and in which nothing was overwritten."""

import fcntl
import os
import pty
import signal
import stat
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from receiver.cli import init
from receiver.settings import environment
from tests.commands import press_ctrl_c
from tests.processes import Processes

KEY = "tsk_live_of_the_project"
WRITTEN = ["conftest.py", "handlers/__init__.py", "handlers/first.py", "pytest.ini", "tests/test_first.py"]


@pytest.fixture
def project(processes: Processes) -> Processes:
    """Return an empty folder to begin in."""
    return processes


def begin(project: Processes, *options: str, **environment: str) -> list[str]:
    ran = project.run("init", *options, **environment)
    assert ran.returncode == 0, ran.stderr
    assert KEY not in ran.stdout + ran.stderr
    return ran.stdout.splitlines()


def refusal(project: Processes, *options: str, **environment: str) -> str:
    ran = project.run("init", *options, **environment)
    assert ran.returncode == 1, ran.stdout
    return ran.stderr


def env(project: Processes) -> dict[str, str]:
    return environment.read(project.folder / ".env")


@contextmanager
def asking(project: Processes) -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    """Run the command at a terminal; yields its process and our end of the terminal."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "receiver", "init"], cwd=project.folder, stdin=theirs, stdout=theirs, stderr=theirs,
        env=project.environment, start_new_session=True,
        preexec_fn=at_its_terminal,  # noqa: PLW1509 - a child without threads
    )  # fmt: skip
    os.close(theirs)
    try:
        yield process, terminal
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def at_its_terminal() -> None:
    """Become the process that a terminal interrupts, also where whoever runs the tests ignores that."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def until_asked(terminal: int) -> str:
    shown = ""
    while not shown.endswith("): "):
        shown += os.read(terminal, 4096).decode()
    return shown


def test_without_a_terminal_nothing_is_asked_and_what_follows_is_said(project: Processes) -> None:
    (project.folder / "handlers").mkdir()  # there is nothing in it
    said = begin(project)
    assert said[0] == "wrote .env: RECEIVER_HANDLERS"
    assert said[1:6] == [f"wrote {name}" for name in WRITTEN]
    assert [line.split("  ")[1] for line in said[-2:]] == ["receiver up --sandbox", "pytest"]
    assert env(project) == {"RECEIVER_HANDLERS": "handlers,receiver.bundled"}


def test_the_options_are_written_for_the_owner_alone_and_the_code_for_all(project: Processes) -> None:
    begin(project, "--key", f" {KEY}\n", "--public-url", "https://hooks.example.com", "--database-url", "")
    assert env(project) == {
        "TRANSCRIBE_API_KEY": KEY, "PUBLIC_URL": "https://hooks.example.com",
        "RECEIVER_HANDLERS": "handlers,receiver.bundled",
    }  # fmt: skip
    modes = {name: stat.S_IMODE((project.folder / name).stat().st_mode) for name in (".env", "handlers", *WRITTEN)}
    mask = os.umask(0)
    os.umask(mask)
    assert modes == {".env": 0o600, "handlers": 0o777 & ~mask} | dict.fromkeys(WRITTEN, 0o666 & ~mask)


def test_a_second_run_changes_nothing_and_says_what_is_there(project: Processes) -> None:
    options = ("--key", KEY, "--public-url", "https://hooks.example.com/")
    begin(project, *options)
    (project.folder / "handlers/first.py").write_text("# mine\n")
    (project.folder / "tests/test_first.py").unlink()
    before = (project.folder / ".env").read_bytes()
    said = begin(project, *options)
    assert said[:2] == ["TRANSCRIBE_API_KEY is set already, in .env", "PUBLIC_URL is set already, in .env"]
    assert said[2:7] == [f"{name} is there already" for name in WRITTEN[:-1]] + ["wrote tests/test_first.py"]
    assert (project.folder / ".env").read_bytes() == before
    assert (project.folder / "handlers/first.py").read_text() == "# mine\n"


def test_what_is_set_is_not_replaced(project: Processes) -> None:
    begin(project, "--key", KEY)
    said = refusal(project, "--key", "tsk_live_of_another", "--public-url", "https://hooks.example.com")
    assert said == "Error: TRANSCRIBE_API_KEY is set to something else in .env: change it there\n"
    assert "PUBLIC_URL" not in env(project)
    said = refusal(project, "--public-url", "https://a.example", PUBLIC_URL="https://b.example")
    assert said == "Error: PUBLIC_URL is set to something else in the environment: change it there\n"


@pytest.mark.parametrize(("options", "why"), [
    (("--key", "'s3cret'"), "TRANSCRIBE_API_KEY: begins with a quote or a bracket: remove it"),
    (("--public-url", "hooks"), "PUBLIC_URL: must be an address like https://example.com"),
    (("--database-url", "mysql://s3cret"), "DATABASE_URL: must start with postgresql://"),
    (("--database-url", "postgresql://a b #c"),
     "DATABASE_URL cannot stand in .env: what follows a blank and a # would be a comment"),
])  # fmt: skip
def test_a_value_that_cannot_be_used_is_refused_before_anything_is_written(
    options: tuple[str, ...], why: str, project: Processes
) -> None:
    assert refusal(project, *options) == f"Error: {why}\n"
    assert not (project.folder / ".env").exists()
    assert not (project.folder / "handlers").exists()


def test_beside_handlers_of_ones_own_there_is_no_first_one(project: Processes) -> None:
    project.write_handlers(mine="from receiver import handler\n@handler('a.b')\ndef mine(event, ctx): ...\n")
    assert begin(project)[:2] == [
        "wrote .env: nothing is set yet", "handlers is there already, so no first handler is written",
    ]  # fmt: skip
    assert env(project) == {}  # which handlers run is as before
    assert sorted(path.name for path in (project.folder / "handlers").glob("*.py")) == ["__init__.py", "mine.py"]
    assert not (project.folder / "tests").exists()


def test_a_handler_that_would_not_be_found_is_not_written(project: Processes) -> None:
    (project.folder / "handlers.py").touch()
    assert begin(project)[1] == "handlers.py is there already, so no first handler is written"
    said = begin(project, RECEIVER_HANDLERS="mine")
    assert said[0] == "RECEIVER_HANDLERS does not name handlers, so no first handler is written"
    assert env(project) == {}
    assert not (project.folder / "handlers").exists()


@pytest.mark.parametrize(("name", "text", "is_one"), [
    ("pyproject.toml", "[tool.pytest.ini_options]\n", True), ("setup.cfg", "[tool:pytest]\n", True),
    ("tox.ini", "[pytest]\n", True), ("pyproject.toml", "[project]\n", False), ("tox.ini", "[tox]\n", False),
])  # fmt: skip
def test_the_configuration_of_pytest_stays_what_it_is(
    name: str, text: str, *, is_one: bool, project: Processes
) -> None:
    (project.folder / name).write_text(text)
    said = begin(project)
    assert (f'{name} configures pytest: the test needs asyncio_mode = "auto" there' in said) == is_one
    assert (project.folder / "pytest.ini").exists() != is_one


@pytest.mark.parametrize(("text", "hint"), [
    ("import os\n", ': the test needs pytest_plugins = ["receiver.testing"] there'),
    ("from receiver.testing import receiver_scratch\n", ""),
])  # fmt: skip
def test_a_conftest_that_lacks_the_fixtures_stays_and_what_the_test_needs_is_said(
    text: str, hint: str, project: Processes
) -> None:
    (project.folder / "conftest.py").write_text(text)
    assert f"conftest.py is there already{hint}" in begin(project)
    assert (project.folder / "conftest.py").read_text() == text


def test_a_file_in_the_way_is_named(project: Processes) -> None:
    (project.folder / "tests").touch()
    ran = project.run("init")
    assert (ran.returncode, ran.stderr) == (1, "Error: tests/test_first.py cannot be written (File exists)\n")


def test_what_is_written_passes_the_usual_checks_and_its_own_test(project: Processes) -> None:
    """Its types are checked with those of the README's examples."""
    begin(project)
    tools = Path(sys.executable).parent
    for command in (
        [tools / "ruff", "format", "--isolated", "--check", "--no-cache", "."],
        [tools / "ruff", "check", "--isolated", "--no-cache", "--select", "E,F,I,W,B,UP", "."],
        [tools / "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
    ):
        ran = subprocess.run(
            list(map(str, command)), cwd=project.folder, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_ctrl_c_at_a_question_leaves_nothing_behind(project: Processes) -> None:
    with asking(project) as (process, terminal):
        until_asked(terminal)
        assert press_ctrl_c(process, lambda: os.write(terminal, b"\x03")) == 130
    assert not (project.folder / ".env").exists()


def test_at_a_terminal_what_is_wrong_is_asked_again_and_secrets_are_not_shown(project: Processes) -> None:
    answers = [(init.KEY, "'quoted'"), (init.KEY, KEY), (init.ADDRESS, "hooks"), (init.ADDRESS, "https://h.example"),
               (init.DATABASE, "")]  # fmt: skip
    said = ""
    with asking(project) as (process, terminal):
        for asked, answer in answers:
            shown = until_asked(terminal)
            assert asked.prompt in shown
            os.write(terminal, f"{answer}\n".encode())
            said += shown
        while "pytest " not in said:
            said += os.read(terminal, 4096).decode()
        assert process.wait(60) == 0
    assert KEY not in said
    assert "TRANSCRIBE_API_KEY: begins with a quote or a bracket: remove it" in said
    assert "PUBLIC_URL: must be an address like https://example.com" in said
    assert env(project) == {
        "TRANSCRIBE_API_KEY": KEY, "PUBLIC_URL": "https://h.example",
        "RECEIVER_HANDLERS": "handlers,receiver.bundled",
    }  # fmt: skip
