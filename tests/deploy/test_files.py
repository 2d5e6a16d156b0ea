"""The files to run receiver elsewhere hold what they promise. `tests/peers/test_image.py` builds and runs the image."""

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from receiver.cli import MODULES
from receiver.cli.up.command import WEB_ENDS_SECONDS
from receiver.deploy import FILES, text
from receiver.settings import Settings
from receiver.settings.model import SECRETS
from tests.commands import Commands
from tests.processes import Processes, free_port
from tests.servers import Quiet, quiet

SETTINGS = {str(field.validation_alias): field.default for field in Settings.model_fields.values()}
LONGEST = max(WEB_ENDS_SECONDS, *(SETTINGS[f"RECEIVER_{name}_SECONDS"] + 10 for name in ("SHUTDOWN", "CALLS_SHUTDOWN")))
STEPS = [
    line.split(maxsplit=1)
    for line in re.sub(r"\\\n", "", re.sub(r"^#.*\n", "", text("container"), flags=re.MULTILINE)).splitlines()
    if line
]
COMPOSE: dict[str, Any] = yaml.safe_load(text("compose"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if name != "postgres"}
UNIT = re.findall(r"^(\w+)=(.*)$", text("systemd"), re.MULTILINE)


def steps(name: str) -> list[str]:
    """Return what the steps of a name in the Containerfile say."""
    return [rest for step, rest in STEPS if step == name]


def seconds(text: str) -> int:
    """Return the seconds of a time such as `60s`."""
    return int(text.removesuffix("s"))


@pytest.mark.parametrize("where", FILES)
def test_each_file_is_printed_as_it_is(folder: Path, where: str) -> None:
    ran = Commands(folder).run("deploy", where)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, text(where), "")
    assert ran.stdout.startswith("# ")


def test_a_place_that_is_not_known_is_refused_with_those_that_are(folder: Path) -> None:
    ran = Commands(folder).run("deploy", "kubernetes")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert all(where in ran.stderr for where in FILES)


# --- the image -------------------------------------------------------------------------------------------------------


def test_of_the_folder_only_the_wheel_gets_into_the_image() -> None:
    """And so no `.env`, and no secret."""
    assert steps("COPY") == ["receiver-*.whl /wheels/", "--from=build /opt/receiver /opt/receiver"]
    assert steps("ADD") == []
    (variables,) = steps("ENV")
    names = {pair.partition("=")[0] for pair in variables.split()} - {"PATH"}
    assert names <= SETTINGS.keys() - SECRETS


def test_the_extras_of_the_image_can_be_chosen_and_there_are_those_that_are_named() -> None:
    ours = set(metadata("receiver").get_all("Provides-Extra") or ())
    default = dict(one.split("=") for one in steps("ARG"))["EXTRAS"]
    assert COMPOSE["x-receiver"]["build"]["args"] == {"EXTRAS": default}
    for where, named in (("container", r"--build-arg EXTRAS=(\S+)"), ("compose", r"EXTRAS: .* such as: (\S+)")):
        (extras,) = re.findall(named, text(where))
        assert default in extras.split(",")
        assert {*extras.split(",")} <= ours


def test_the_image_runs_a_command_directly_and_not_as_root() -> None:
    assert [step for step, _ in STEPS][-3:] == ["HEALTHCHECK", "ENTRYPOINT", "CMD"]
    entry, command = (json.loads(steps(name)[0]) for name in ("ENTRYPOINT", "CMD"))
    assert (entry, command) == (["receiver"], ["up"])
    assert steps("USER") == ["10001:10001"]
    assert steps("STOPSIGNAL") == ["SIGTERM"]


def test_the_health_checks_hold_while_the_process_answers_and_no_longer(
    processes: Processes, receiver_database: str
) -> None:
    web = processes.serve(DATABASE_URL=receiver_database)
    checks = [json.loads(steps("HEALTHCHECK")[0].partition(" CMD ")[2])]
    checks += [SERVICES[name]["healthcheck"]["test"][1:] for name in ("web", "console")]
    with quiet(Quiet) as other:  # it answers 501
        for port, is_well in ((web.port, True), (httpx.URL(other).port or 0, False), (free_port(), False)):
            hold(checks, port, is_well=is_well)


def hold(checks: list[list[str]], port: int, *, is_well: bool) -> None:
    """Run health checks on a port, with a proxy in the environment that is of no use there."""
    for program, option, code in checks:
        assert (program, option) == ("python3", "-c")
        here = re.sub("80[08]0, timeout", f"{port}, timeout", code)
        ran = subprocess.run(
            [sys.executable, "-c", here], env={"PORT": str(port), "http_proxy": "http://127.0.0.1:1"},
            capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        assert (ran.returncode == 0) is is_well, ran.stderr


# --- compose ---------------------------------------------------------------------------------------------------------


def test_compose_runs_each_process_once_and_beside_a_database() -> None:
    commands = {name: service["command"] for name, service in OURS.items()}
    assert commands == {"release": ["migrate"], "web": ["serve"], "worker": ["work"], "console": ["console"]}
    assert {one for (one,) in commands.values()} <= MODULES.keys()
    needed = {name: set(service["depends_on"]) for name, service in OURS.items()}
    assert needed.pop("release") == {"postgres"}
    assert set(map(frozenset, needed.values())) == {frozenset({"postgres", "release"})}
    for service in OURS.values():
        for name, how in service["depends_on"].items():
            assert how == {"condition": {"postgres": "service_healthy"}.get(name, "service_completed_successfully")}
    assert "--host=127.0.0.1" in SERVICES["postgres"]["healthcheck"]["test"]


def test_compose_publishes_what_people_need_to_this_machine_alone() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:8000:8000"], "console": ["127.0.0.1:8080:8080"]}


def test_compose_takes_each_secret_from_outside_and_does_not_start_without_it() -> None:
    wanted = set(re.findall(r"\$\{(\w+):\?set \1 in .env\}", text("compose")))
    assert wanted == {"POSTGRES_PASSWORD", "RECEIVER_CONSOLE_TOKEN"}
    for service in OURS.values():
        for name, value in service["environment"].items():
            assert name in SETTINGS or name == "PGPASSWORD"
            is_secret = name in {*SECRETS, "PGPASSWORD"} and name != "DATABASE_URL"
            assert value == "" or value.startswith("${") is is_secret, name
    assert SERVICES["web"]["environment"]["DATABASE_URL"] == "postgresql://receiver@postgres:5432/receiver"


def test_compose_gives_the_consoles_tokens_to_the_console_alone() -> None:
    for name in ("web", "worker"):
        given = SERVICES[name]["environment"]
        assert {key for key in SECRETS if "CONSOLE" in key} == {key for key, value in given.items() if value == ""}
    assert "env_file" not in SERVICES["release"]


def test_compose_confines_every_process() -> None:
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only", False) is (name != "postgres"), name


def test_compose_makes_a_role_that_is_no_superuser() -> None:
    (mount,) = SERVICES["postgres"]["configs"]
    script = COMPOSE["configs"][mount["source"]]["content"].replace("$$", "$")
    assert mount["target"].startswith("/docker-entrypoint-initdb.d/")
    assert "POSTGRES_USER" not in SERVICES["postgres"]["environment"]
    assert "superuser" not in script
    psql = "psql() { printf '%s\\n' \"$@\"; cat; }\n"
    ran = subprocess.run(["sh", "-c", psql + script], env={"POSTGRES_PASSWORD": "a 'b"}, capture_output=True, text=True)  # noqa: PLW1510
    assert "password=a 'b" in ran.stdout.splitlines()
    assert ran.stdout.splitlines()[-3:] == [
        "create role receiver login password :'password';", "alter database receiver owner to receiver;",
        "alter role postgres password null;",
    ]  # fmt: skip


def test_compose_keeps_what_must_outlive_a_container() -> None:
    kept = {name: service.get("volumes", []) for name, service in SERVICES.items()}
    data = SERVICES["web"]["environment"]["RECEIVER_DATA_DIR"]
    assert kept == {
        "postgres": ["postgres:/var/lib/postgresql"], "release": [],
        **{name: [f"data:{data}"] for name in ("web", "worker", "console")},
    }  # fmt: skip
    assert COMPOSE["volumes"].keys() == {"postgres", "data"}
    assert steps("VOLUME") == [data]


def test_each_process_has_the_time_to_end() -> None:
    graces = [seconds(service["stop_grace_period"]) for service in OURS.values()]
    graces += [int(dict(UNIT)["TimeoutStopSec"]), *map(int, re.findall(r"--stop-timeout (\d+)", text("container")))]
    assert len(graces) == len(OURS) + 2
    assert min(graces) >= LONGEST + 10  # then the embedded database stops


def test_docker_compose_takes_the_file(tmp_path: Path) -> None:
    compose = ("docker", "compose")
    if shutil.which("docker") is None or subprocess.run([*compose, "version"], capture_output=True).returncode:  # noqa: PLW1510
        pytest.skip("docker compose is missing")
    (tmp_path / "compose.yaml").write_text(text("compose"))
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=one\nRECEIVER_CONSOLE_TOKEN=another\n")
    ran = subprocess.run([*compose, "config", "--quiet"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


# --- systemd ---------------------------------------------------------------------------------------------------------


def test_the_unit_is_reloaded_kept_up_and_confined() -> None:
    said = dict(UNIT)
    assert said["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert said["ExecStart"].split()[1:] == ["up"]
    wanted = {
        "Type": "exec", "DynamicUser": "yes", "User": "receiver", "StateDirectory": "receiver", "Restart": "always",
        "StartLimitIntervalSec": "0", "OOMPolicy": "continue", "KillMode": "mixed",
    }  # fmt: skip
    assert said.items() >= wanted.items()
    name, data = said["Environment"].split("=")
    assert name == "RECEIVER_DATA_DIR"
    assert Path(data).parent == Path("/var/lib", said["StateDirectory"]) == Path(said["WorkingDirectory"])


def test_systemd_takes_the_unit_and_finds_it_confined(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing: apt-get install systemd")
    unit = tmp_path / "receiver.service"
    unit.write_text(text("systemd").replace("/opt/receiver/bin/receiver", str(Path(sys.executable))))
    for question in (
        ("verify", "--man=no", "--recursive-errors=no"),
        ("security", "--offline=true", "--threshold=20", "--no-pager"),  # 0 to 100, the best is 0
    ):
        ran = subprocess.run(
            ["systemd-analyze", *question, str(unit)], capture_output=True, text=True, timeout=60, check=False
        )
        assert (ran.returncode, ran.stderr) == (0, "")
