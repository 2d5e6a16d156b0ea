"""`receiver.cli.up.simulation`: what a sandbox's processes are not told, and what another terminal needs."""

import os
import shlex
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.routing import Mount

from receiver import settings
from receiver.cli.up.simulation import SIMULATED, simulate
from receiver.sandbox import Sandbox, application
from receiver.settings import environment
from tests.cli.test_up import descendants, told
from tests.processes import Processes, free_port, linux, until

pytestmark = pytest.mark.usefixtures("own_environment")

REAL = [
    f"{source}_{what}{account}{file}"
    for source, what in [
        ("TRANSCRIBE", "API_KEY"), ("TRANSCRIBE", "API_URL"), ("TRANSCRIBE", "WEBHOOK_SECRET"), ("TIMBR", "API_KEY"),
        ("TIMBR", "CLIENT_ID"), ("TIMBR", "CLIENT_SECRET"), ("TIMBR_AUDIO", "API_KEY"), ("TIMBR_AUDIO", "API_URL"),
        ("FISHAUDIO", "API_KEY"), ("THUNDERSCRIBE", "API_KEY"), ("OPENAI", "API_KEY"), ("OPENAI", "API_URL"),
        ("PUBLIC", "URL"),
    ]
    for account in ("", "__BIG_SHOW")
    for file in ("", "_FILE")
]  # fmt: skip
KEPT = {"DATABASE_URL": "postgresql://db", "PORT": "8001", "RECEIVER_LANES": "2", "NEWSROOM_API_KEY": "mine"}


def test_a_sandbox_leaves_nothing_of_a_real_provider() -> None:
    half = len(REAL) // 2
    Path(".env").write_text("".join(f"{name}=real\n" for name in REAL[:half]))
    Path(".env").chmod(0o600)
    os.environ.update(dict.fromkeys(REAL[half:], "real") | KEPT)
    environment.enter()
    simulation = simulate("http://127.0.0.1:9000")
    assert "real" not in os.environ.values()
    assert {name for name in REAL if name in os.environ} == set(simulation.settings) & set(REAL)
    assert KEPT.items() <= os.environ.items()
    assert sorted(simulation.gone) == sorted(REAL)


def test_a_sandbox_leaves_out_the_ready_made_handlers_of_the_file() -> None:
    Path(".env").write_text(
        "RECEIVER_NOTIFY=ntfy://real\nRECEIVER_FORWARD_SHOP=https://real\nRECEIVER_FILES=\nPORT=8001\n"
    )
    Path(".env").chmod(0o600)
    os.environ["RECEIVER_PUBLISH"] = "nats://here/EVENTS"
    environment.enter()
    simulation = simulate("http://127.0.0.1:9000")
    assert list(simulation.left_out) == ["RECEIVER_NOTIFY", "RECEIVER_FORWARD_SHOP"]
    assert not {"RECEIVER_NOTIFY", "RECEIVER_FORWARD_SHOP"} & set(os.environ)
    assert (os.environ["RECEIVER_PUBLISH"], os.environ["PORT"]) == ("nats://here/EVENTS", "8001")
    line = simulation.export_line(settings.load(), "http://here", os.environ)
    assert line.endswith(" RECEIVER_FORWARD_SHOP= RECEIVER_NOTIFY=")


def test_the_export_line_says_all_that_another_terminal_needs() -> None:
    os.environ.update(
        {"HOST": "0.0.0.0", "PORT": "8001", "RECEIVER_DATA_DIR": "my data", "TRANSCRIBE_WEBHOOK_SECRET_FILE": "/real",  # noqa: S104
         "TRANSCRIBE_API_KEY": "real", "PUBLIC_URL": "https://real", "TRANSCRIBE_WEBHOOK_SECRET": "",
         "RECEIVER_ARTIFACTS_DIR": "stems"}
    )  # fmt: skip
    simulation = simulate("http://127.0.0.1:9000")
    line = simulation.export_line(settings.load(), "http://127.0.0.1:8001", os.environ)
    assert "\n" not in line
    assert shlex.split(line) == [
        "export", "TRANSCRIBE_API_URL=http://127.0.0.1:9000", "TRANSCRIBE_API_KEY=tsk_test_sandbox",
        "THUNDERSCRIBE_API_URL=http://127.0.0.1:9000/thunderscribe", "THUNDERSCRIBE_API_KEY=tsk_test_sandbox",
        "TIMBR_API_URL=http://127.0.0.1:9000/timbr", "TIMBR_API_KEY=tsk_test_sandbox",
        "TIMBR_AUDIO_API_URL=http://127.0.0.1:9000/timbr-audio", "TIMBR_AUDIO_API_KEY=tsk_test_sandbox",
        "FISHAUDIO_API_URL=http://127.0.0.1:9000/fishaudio", "FISHAUDIO_API_KEY=tsk_test_sandbox",
        "PUBLIC_URL=http://127.0.0.1:8001", "PORT=8001", "HOST=0.0.0.0", f"RECEIVER_DATA_DIR={Path.cwd()}/my data",
        f"RECEIVER_ARTIFACTS_DIR={Path.cwd()}/stems",
        "TRANSCRIBE_WEBHOOK_SECRET_FILE=",
    ]  # fmt: skip


def test_every_simulated_provider_has_an_account_at_its_own_place_in_the_sandbox() -> None:
    simulate("http://127.0.0.1:9000")
    found = {account.source: account for account in settings.load().accounts}
    assert set(found) == {source.source for source in SIMULATED}
    places = {route.path for route in application(Sandbox(speed=1)).routes if isinstance(route, Mount)}
    assert places >= {path for path in SIMULATED.values() if path}
    assert {one.api_url for one in found.values()} == {f"http://127.0.0.1:9000{path}" for path in SIMULATED.values()}


def test_with_everything_there_is_a_second_account_of_transcribe_so() -> None:
    simulate("http://127.0.0.1:9000", everything=True)
    first, second = settings.load().in_use
    assert (first.chosen.name, second.chosen.name) == ("default", "second")
    assert first.chosen.key != second.chosen.key
    assert second.chosen.api_url == "http://127.0.0.1:9000"


STRAYING = """
import os

from dotenv import load_dotenv

from receiver import Context, Event, handler

load_dotenv(override=True)
os.chdir("{}")


@handler("transcription.completed")
async def own(event: Event, ctx: Context) -> None:
    pass
"""


def environments(pids: set[int]) -> dict[str, str]:
    """Return what processes were started with, by their command lines."""
    found = {}
    for pid in pids:
        with suppress(OSError):  # it has ended
            found[Path(f"/proc/{pid}/cmdline").read_text()] = Path(f"/proc/{pid}/environ").read_text()
    return found


@linux
def test_no_process_of_a_sandbox_is_told_of_a_real_provider_and_its_line_works_beside_the_file(
    processes: Processes,
) -> None:
    """Keys, secrets and addresses lie in `.env` and in the environment; other terminals read the file as well.

    So does a handler's module, which goes to another folder besides.
    """
    for name in (*REAL, "TRANSCRIBE_API_URL", "TRANSCRIBE_WEBHOOK_SECRET"):
        processes.environment.pop(name, None)
    accounts = [name for name in REAL if name.endswith("_FILE") and "__" not in name]
    in_file = [name for name in REAL if name not in accounts]
    (processes.folder / ".env").write_text(
        "".join(f"{name}=https://real.example\n" for name in in_file) + "RECEIVER_HANDLER=x\n"
    )
    (processes.folder / ".env").chmod(0o644)
    elsewhere = processes.folder / "elsewhere"
    elsewhere.mkdir()
    processes.write_handlers(own=STRAYING.format(elsewhere))
    port = str(free_port())
    process = processes.start("up", "--sandbox", "--sandbox-port", port, FISHAUDIO_API_KEY__TWO="https://real.example",
                              PGPASSWORD="s3cret", DATABASE_PASSWORD="s3cret")  # fmt: skip
    until(lambda: "export " in told(process) or process.popen.poll() is not None, "the line to export is told")
    told_to = environments(descendants(process.popen.pid))
    assert {"sandbox", "serve", "work"} <= {word for command in told_to for word in command.split("\0")}
    assert not [command for command, said in told_to.items() if "real.example" in said]
    process.until_logged("working with 8 lanes for own (")
    assert "with 1 handler: own (" in process.log
    assert list(elsewhere.iterdir()) == []
    (sandbox,) = (said for command, said in told_to.items() if "sandbox" in command.split("\0"))
    assert "s3cret" not in sandbox
    assert "DATABASE_URL" not in sandbox
    assert process.log.count("RECEIVER_HANDLER (do you mean RECEIVER_HANDLERS?)") == 1
    line = next(line for line in told(process).splitlines() if "export " in line)
    exported = dict(pair.split("=", 1) for pair in shlex.split(line)[1:])
    sent = processes.run_inside("send", "--sample", "completed", **exported)
    assert (sent.exit_code, sent.stdout) == (0, '200 {"status":"stored"}\n'), sent.stderr
    checked = processes.run("check", **exported)
    assert checked.returncode == 0, checked.stdout
    assert process.end() == 0
