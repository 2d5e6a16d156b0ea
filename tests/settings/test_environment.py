"""`receiver.settings.environment`: `.env`, variables of no meaning, and what a sandbox's processes are not told."""

import os
import stat
from pathlib import Path

import pytest

from receiver import settings
from receiver.errors import ConfigError
from receiver.settings import Settings, environment
from receiver.settings.model import SECRETS
from tests.commands import Commands

pytestmark = pytest.mark.usefixtures("own_environment")


def write(text: str | bytes, mode: int = 0o600) -> Path:
    path = Path(".env")
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def refusal(text: str | bytes, mode: int = 0o600) -> str:
    """Write the file, and return why it is refused."""
    with pytest.raises(ConfigError) as refused:
        environment.read(write(text, mode))
    return str(refused.value)


# --- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "value"), [
    ("A=b", "b"), ("A=b\r\n", "b"), ("\ufeffA=b", "b"), ("export A=b", "b"), ("  A = b  ", "b"), ("A=", ""),
    ("# A=c\n\nA=b # why\n", "b"), ("A=b#c", "b#c"), ("A='b # c'", "b # c"), ('A="b # c"', "b # c"),
    ("A=p$HOME${HOME}$(x)`y`", "p$HOME${HOME}$(x)`y`"), ('A="p$HOME"', "p$HOME"), ("A=b=c==", "b=c=="),
    ("A=it's", "it's"), ('A="one\ntwo"', "one\ntwo"), ("A=b\\n", "b\\n"), ("A=c\nA=b", "b"), ("A=\u00fc", "\u00fc"),
])  # fmt: skip
def test_a_line_is_read_as(text: str, value: str) -> None:
    assert environment.read(write(text)) == {"A": value}


@pytest.mark.parametrize(("text", "said"), [
    ("A=b\n\n\n# x\ns3cret\n", ".env: line 5 has no = after its name"),
    ("A='s3cret\nB=1", ".env: line 1 cannot be read; is a closing quote missing?"),
    ('\r\nA="s3cret" s3cret\r\nB=1\r\ns3cret',
     ".env: line 2 cannot be read; is a closing quote missing?; line 4 has no = after its name"),
    *((f"A=1\n{line}\n", ".env: line 2 has no = after its name") for line in (
        "TRANSCRIBE_API_URL: http://s3cret", "A: 's3cret'", "export A s3cret", "A s3cret=1", 'A-B.c : "s3cret')),
    ("A=1\n\u200bs3cret=1", ".env: line 2 does not begin with a valid name of a variable"),
    ("1A=s3cret", ".env: line 1 does not begin with a valid name of a variable"),
    ("A=s3\0cret", ".env: line 1 contains a NUL character, which no variable can contain"),
    (b"A=1\nB=s3cret\xe9\n", ".env: line 2 is not UTF-8"),
    ("A=s3cret".encode("utf-16"), ".env: line 1 is not UTF-8"),
])  # fmt: skip
def test_a_line_that_cannot_be_read_is_named_by_its_number_alone(text: str | bytes, said: str) -> None:
    assert refusal(text) == said


def test_no_file_and_a_virtual_environment_of_that_name_say_nothing() -> None:
    assert environment.read(Path(".env")) == {}
    Path(".env").mkdir()
    assert environment.read(Path(".env")) == {}


def test_a_link_to_nothing_in_its_place_is_a_mistake() -> None:
    Path(".env").symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"^\.env is a link to a missing file: fix it, or remove it$"):
        environment.read(Path(".env"))


def test_without_a_working_folder_no_command_begins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match="the working folder does not exist any more: go to another folder"):
        environment.enter()


def test_a_pipe_in_its_place_holds_nobody_up() -> None:
    os.mkfifo(".env")
    with pytest.raises(ConfigError, match="is not a file"):
        environment.read(Path(".env"))


def test_a_file_that_everybody_may_change_decides_nothing() -> None:
    assert refusal("A=1", mode=0o666) == ".env can be changed by every user: run `chmod o-w` on it"
    assert environment.read(write("A=1", mode=0o664)) == {"A": "1"}


def test_a_file_of_another_user_decides_nothing() -> None:
    mode = stat.S_IFREG | 0o600
    assert environment.why_not(mode, {0, 1000}, trusted={0, 1000}) is None
    for owners in ({1001}, {0, 1001}):
        said = environment.why_not(mode, owners, trusted={0, 1000})
        assert said == "belongs to another user (uid 1001): chown it, or set its variables in the environment"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("follow", [True, False])
def test_root_heeds_no_file_and_no_link_that_another_user_has_put_there(*, follow: bool) -> None:
    write("A=1").rename("elsewhere")
    Path(".env").symlink_to("elsewhere")
    assert environment.read(Path(".env")) == {"A": "1"}
    os.chown(".env", 1001, 1001, follow_symlinks=follow)
    with pytest.raises(ConfigError, match=r"^\.env belongs to another user \(uid 1001\)"):
        environment.read(Path(".env"))


def test_the_environment_wins_over_the_file_also_by_a_secrets_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    write("PORT=1\nHTTP_PROXY=http://proxy\nTRANSCRIBE_API_KEY_FILE=/nowhere\nPUBLIC_URL=https://a.example\n")
    for name, value in {"PORT": "2", "TRANSCRIBE_API_KEY": "tsk_live_1", "PUBLIC_URL": ""}.items():
        monkeypatch.setenv(name, value)
    environment.enter()
    loaded = settings.load()
    assert (loaded.port, loaded.public_url, os.environ["HTTP_PROXY"]) == (2, None, "http://proxy")
    assert loaded.api_key is not None
    assert loaded.api_key.get_secret_value() == "tsk_live_1"


def test_the_file_is_read_once_and_never_by_what_is_started_then() -> None:
    write("PORT=1\nRECEIVER_NONSENSE=1\n")
    assert environment.enter() == ["RECEIVER_NONSENSE"]
    del os.environ["PORT"]
    assert environment.enter() == []
    assert "PORT" not in os.environ


def test_every_command_heeds_the_file_before_anything_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    write("RECEIVER_LOG=json\nRECEIVER_SPOOL=x\nTRANSCRIBE_API_URL=http://127.0.0.1:2/api/v1\nPORT=4711\n")
    commands = Commands(folder)
    commands.environment |= {environment.READ: None, "TRANSCRIBE_API_URL": None}
    ran = commands.run("send", "--sample", "test", TRANSCRIBE_WEBHOOK_SECRET="whsec_a")
    assert '"message": "there is no setting of this name: RECEIVER_SPOOL (do you mean RECEIVER_' in ran.stderr
    assert "http://127.0.0.1:4711/webhooks/transcribe-so does not answer" in ran.stderr
    write("sesame\n")
    ran = commands.run("events")
    assert (ran.exit_code, ran.output) == (1, "Error: .env: line 1 has no = after its name\n")
    assert "PORT" not in os.environ


# --- names that mean nothing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "said"), [
    ("RECEIVER_HANDLER", "RECEIVER_HANDLER (do you mean RECEIVER_HANDLERS?)"),
    ("RECEIVER_PORT", "RECEIVER_PORT (do you mean PORT?)"),
    ("RECEIVER_DATABASE_URL", "RECEIVER_DATABASE_URL (do you mean DATABASE_URL?)"),
    ("RECEIVER_API_KEY", "RECEIVER_API_KEY (do you mean TRANSCRIBE_API_KEY?)"),
    ("TRANSCRIBE_WEBHOOK_SECRETS", "TRANSCRIBE_WEBHOOK_SECRETS (do you mean TRANSCRIBE_WEBHOOK_SECRET?)"),
    ("TRANSCRIBE_API_KEYFILE", "TRANSCRIBE_API_KEYFILE (do you mean TRANSCRIBE_API_KEY_FILE?)"),
    ("RECEIVER_XYZZY", "RECEIVER_XYZZY"),
])  # fmt: skip
def test_an_unknown_variable_is_named_with_the_nearest_that_is_known(name: str, said: str) -> None:
    assert environment.unknown({name: "s3cret"}) == [said]


def test_what_is_known_or_a_platforms_is_not_named() -> None:
    names = [str(field.validation_alias) for field in Settings.model_fields.values()]
    known = dict.fromkeys([*names, *(f"{name}_FILE" for name in SECRETS), "PATH", "RECEIVERS", environment.READ], "x")
    kubernetes = {
        "RECEIVER_SERVICE_HOST": "10.0.0.1", "RECEIVER_SERVICE_PORT": "80", "RECEIVER_SERVICE_PORT_HTTP": "80",
        "RECEIVER_PORT": "tcp://10.0.0.1:80", "RECEIVER_WEB_PORT_80_TCP_ADDR": "10.0.0.1", "RECEIVER_PORT_80_TCP": "x",
    }  # fmt: skip
    assert environment.unknown(known | kubernetes) == []


def test_every_setting_that_is_a_providers_is_known_to_be_one() -> None:
    names = {str(field.validation_alias) for field in Settings.model_fields.values()}
    assert {name for name in names if environment.is_of_a_provider(name)} == {
        *SECRETS, "TRANSCRIBE_API_URL", "TRANSCRIBE_REQUESTS_A_MINUTE", "PUBLIC_URL"
    } - {
        "DATABASE_URL", "RECEIVER_TOKEN", "RECEIVER_CONSOLE_TOKEN", "RECEIVER_CONSOLE_READ_TOKEN", "RECEIVER_MCP_TOKEN",
        "RECEIVER_NOTIFY", "RECEIVER_PUBLISH",
    }  # fmt: skip
