"""`receiver.settings.targets`: each address makes a target, and what is wrong is told by name and never by value."""

import base64
import os
from pathlib import Path

import pytest

from receiver import settings
from receiver.errors import ConfigError
from receiver.settings import environment, listed, targets
from receiver.settings.targets import Target

SECRET = f"whsec_{base64.b64encode(bytes(32)).decode()}"
OTHER = f"whsec_{base64.b64encode(bytes(range(24))).decode()}"
ADDRESS = "https://hooks.example/in?token=s3cret"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(targets.PREFIX):
            monkeypatch.delenv(name)


def of(**variables: str) -> tuple[Target, ...]:
    """Return the targets that variables of the family make, which are named without their beginning."""
    return settings.load(**{f"{targets.PREFIX}{name}": value for name, value in variables.items()}).targets


def only(**variables: str) -> Target:
    (target,) = of(**variables)
    return target


def refusal(**variables: str) -> str:
    with pytest.raises(ConfigError) as refused:
        of(**variables)
    told = str(refused.value)
    assert "s3cret" not in told
    return told


def test_there_is_none_without_a_variable() -> None:
    assert of() == of(A="", A_SECRET=" ") == ()


def test_an_address_and_a_secret_make_one_that_gets_every_event_without_transcripts() -> None:
    target = only(BIG_SHOW=ADDRESS, BIG_SHOW_SECRET=SECRET)
    assert target == Target("big-show", "RECEIVER_FORWARD_BIG_SHOW", ADDRESS, (SECRET,))
    assert (target.types, target.with_transcript, target.is_private) == (("*",), False, False)
    assert target.host == "https://hooks.example"
    assert "s3cret" not in repr(target)
    assert "whsec" not in repr(target)


def test_its_options_are_its_own() -> None:
    one, other = of(
        SHOP=" HTTPS://Shop.Example:8443/a ", SHOP_SECRET=f" {SECRET} , {OTHER},", SHOP_TRANSCRIPT="yes",
        SHOP_TYPES="transcription.*, webhook.test", A=ADDRESS, A_SECRET=OTHER, A_TRANSCRIPT="no",
    )  # fmt: skip
    assert (one.name, one.secrets, one.types, one.with_transcript) == ("a", (OTHER,), ("*",), False)
    assert (other.name, other.address) == ("shop", "https://shop.example:8443/a")
    assert (other.secrets, other.types) == ((SECRET, OTHER), ("transcription.*", "webhook.test"))
    assert other.with_transcript


def test_an_address_and_secrets_can_be_in_files(tmp_path: Path) -> None:
    (tmp_path / "address").write_text(f"{ADDRESS}\n")
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    files = {"A_FILE": str(tmp_path / "address"), "A_SECRET_FILE": str(tmp_path / "secret")}
    assert (only(**files).address, only(**files).secrets) == (ADDRESS, (SECRET,))
    told = refusal(A_FILE="/absent", A_SECRET=SECRET)
    assert told == "RECEIVER_FORWARD_A_FILE: cannot be read (No such file or directory)"
    told = refusal(A=ADDRESS, A_SECRET=SECRET, A_FILE="/absent")
    assert told == "RECEIVER_FORWARD_A_FILE: set RECEIVER_FORWARD_A or RECEIVER_FORWARD_A_FILE, not both"
    assert refusal(A=ADDRESS, A_SECRET=SECRET, A_TYPES_FILE="/x").endswith(
        ": only an address or secrets can be in a file"
    )


@pytest.mark.parametrize(
    "name",
    ["PRIVATE_FILE", "PRIVATE_SECRET", "SECRET", "FILE", "TYPES", "TRANSCRIPT", "A_SECRET_SECRET", "A_TYPES_TYPES",
     "A_TYPES_SECRET", "A_TRANSCRIPT_SECRET", "A_FILE_FILE", "A_FILE_SECRET"],
)  # fmt: skip
def test_a_name_that_would_mean_something_else_is_refused(name: str) -> None:
    told = refusal(**{name: "https://s3cret.example"})
    assert told.startswith(f"RECEIVER_FORWARD_{name}: a target cannot be called ")


@pytest.mark.parametrize("name", ["", "a", "1A", "_A", "A-B", "A" * 32, "A\nB"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    assert " is 1 to 31 capital letters, digits and _" in refusal(**{name: ADDRESS})


def test_the_longest_name_is_taken() -> None:
    assert only(**{"A" * 31: ADDRESS, f"{'A' * 31}_SECRET": SECRET}).name == "a" * 31


def test_a_target_without_a_secret_and_an_option_without_a_target_are_refused() -> None:
    assert refusal(A=ADDRESS, A_TYPES="*") == (
        "RECEIVER_FORWARD_A: set RECEIVER_FORWARD_A_SECRET too: a target needs a secret, with which what it gets is "
        "signed"
    )
    for option, value in {"SECRET": SECRET, "TYPES": "*", "TRANSCRIPT": "yes", "SECRET_FILE": "/absent"}.items():
        told = refusal(**{f"A_{option}": value})
        said = "set RECEIVER_FORWARD_A too: it is an option of a target, which needs an address"
        assert told.split("; ")[0] == f"RECEIVER_FORWARD_A_{option}: {said}"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3cret", "must be an address like https://example.com/hook"),
        ("ftp://s3cret.example", "must be an address like https://example.com/hook"),
        ("https://s3cret.example/#part", "must be an address like https://example.com/hook"),
        ("https://s3cret..example", "must be an address like https://example.com/hook"),
        ("https://s3cret.example:0", "must be an address like https://example.com/hook"),
        ("https://s3cret.example:99999", "must be an address like https://example.com/hook"),
        ("https://", "must be an address like https://example.com/hook"),
        ('"https://s3cret.example"', "begins with a quote or a bracket: remove it"),
        ("https://s3cret.example/a b", "must be printable ASCII without spaces"),
        ("http://s3cret.example",
         "must begin with https:// (http is for private addresses, with RECEIVER_FORWARD_PRIVATE=yes)"),
        ("http://8.8.8.8/s3cret",
         "must begin with https:// (http is for private addresses, with RECEIVER_FORWARD_PRIVATE=yes)"),
        ("https://127.0.0.1/s3cret", "is a private address: RECEIVER_FORWARD_PRIVATE=yes allows it"),
        ("https://[::1]/s3cret", "is a private address: RECEIVER_FORWARD_PRIVATE=yes allows it"),
        ("https://10.0.0.1/s3cret", "is a private address: RECEIVER_FORWARD_PRIVATE=yes allows it"),
        ("http://localhost:5678/s3cret", "is a private address: RECEIVER_FORWARD_PRIVATE=yes allows it"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_or_not_public_is_refused(address: str, said: str) -> None:
    assert refusal(A=address, A_SECRET=SECRET) == f"RECEIVER_FORWARD_A: {said}"


@pytest.mark.parametrize(
    "address",
    ["http://localhost:5678/x", "http://127.0.0.1/x", "http://10.0.0.1/x", "http://n8n:5678/x", "https://10.0.0.1/x",
     "https://hooks.example/x", "https://me:s3cret@hooks.example/x"],
)  # fmt: skip
def test_private_addresses_are_taken_where_they_are_allowed_and_only_they_without_encryption(address: str) -> None:
    target = only(A=address, A_SECRET=SECRET, PRIVATE="yes")
    assert (target.address, target.is_private) == (address, True)
    assert "http is for private" in refusal(A="http://8.8.8.8/s3cret", A_SECRET=SECRET, PRIVATE="yes")


def test_the_host_of_an_address_shows_no_password() -> None:
    assert only(A="https://me:s3cret@hooks.example:1/x", A_SECRET=SECRET).host == "https://hooks.example:1"


@pytest.mark.parametrize(
    "secret",
    ["s3cret", "whsec_s3cret!", "whsec_", f"whsec_{base64.b64encode(b's3cret' * 3).decode()}", SECRET[6:],
     f"whsec_{base64.b64encode(bytes(65)).decode()}", f"{SECRET},s3cret", f"{SECRET}\u00a0{SECRET}"],
)  # fmt: skip
def test_a_secret_that_is_none_of_standard_webhooks_is_refused(secret: str) -> None:
    told = refusal(A=ADDRESS, A_SECRET=secret)
    assert told.startswith("RECEIVER_FORWARD_A_SECRET: must be ")
    assert "whsec_s" not in told


def test_secrets_are_one_to_ten() -> None:
    ten = [f"whsec_{base64.b64encode(bytes([number]) * 24).decode()}" for number in range(11)]
    assert only(A=ADDRESS, A_SECRET=",".join(ten[:10])).secrets == tuple(ten[:10])
    said = "RECEIVER_FORWARD_A_SECRET: must be 1 to 10 secrets, separated by commas"
    assert refusal(A=ADDRESS, A_SECRET=",".join(ten)) == refusal(A=ADDRESS, A_SECRET=",") == said


@pytest.mark.parametrize("types", [",", "s3cret!", "transcription.completed,*.s3cret", "transcription.completed *"])
def test_types_that_are_no_patterns_are_refused(types: str) -> None:
    assert refusal(A=ADDRESS, A_SECRET=SECRET, A_TYPES=types).startswith("RECEIVER_FORWARD_A_TYPES: must be types such")


def test_whether_it_gets_transcripts_is_yes_or_no() -> None:
    told = refusal(A=ADDRESS, A_SECRET=SECRET, A_TRANSCRIPT="s3cret")
    assert told == "RECEIVER_FORWARD_A_TRANSCRIPT: must be 'no' or 'yes'"


def test_every_mistake_is_told_at_once_with_those_of_other_settings() -> None:
    told = refusal(A="s3cret", A_SECRET="s3cret", B_TYPES="*", PRIVATE="maybe")
    assert [line.partition(":")[0] for line in told.split("; ")] == [
        "RECEIVER_FORWARD_PRIVATE", "RECEIVER_FORWARD_A", "RECEIVER_FORWARD_A_SECRET", "RECEIVER_FORWARD_B_TYPES",
    ]  # fmt: skip


def test_a_variable_that_a_platform_sets_for_a_service_makes_no_target() -> None:
    platforms = {
        "SERVICE_HOST": "10.0.0.1", "SERVICE_PORT": "80", "SERVICE_PORT_HTTP": "80", "PORT": "tcp://10.0.0.1:80",
        "PORT_80_TCP": "udp://10.0.0.1:80", "PORT_80_TCP_PROTO": "tcp", "PORT_80_TCP_ADDR": "fd00::1",
    }  # fmt: skip
    assert of(**platforms) == ()


def test_a_target_whose_name_looks_like_such_a_variable_is_one() -> None:
    name = "CUSTOMER_SERVICE_PORTAL"
    target = only(**{name: ADDRESS, f"{name}_SECRET": SECRET, f"{name}_TYPES": "a.b", f"{name}_TRANSCRIPT": "yes"})
    assert (target.name, target.types, target.with_transcript) == ("customer-service-portal", ("a.b",), True)


def test_the_variables_of_the_family_are_known_and_its_secrets_too() -> None:
    known = {
        f"{targets.PREFIX}{name}": "x" for name in ("A", "A_SECRET", "A_TYPES", "A_TRANSCRIPT", "A_FILE", "PRIVATE")
    }
    assert environment.unknown(known) == []
    assert [targets.is_secret(name) for name in known] == [True, True, False, False, True, False]
    assert targets.is_secret("RECEIVER_FORWARD_A_SECRET_FILE")
    assert not targets.is_secret("RECEIVER_TOKEN")


def test_a_file_of_the_environment_takes_the_place_of_a_secret_in_dot_env(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(environment.READ, raising=False)
    Path(".env").write_text(f"RECEIVER_FORWARD_A_SECRET={OTHER}\nRECEIVER_FORWARD_A={ADDRESS}\n")
    Path(".env").chmod(0o600)
    (tmp_path / "secret").write_text(SECRET)
    monkeypatch.setenv("RECEIVER_FORWARD_A_SECRET_FILE", str(tmp_path / "secret"))
    for name in ("RECEIVER_FORWARD_A_SECRET", "RECEIVER_FORWARD_A"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    try:
        environment.enter()
        (target,) = settings.load().targets
        assert (target.address, target.secrets) == (ADDRESS, (SECRET,))
    finally:
        os.environ.pop(environment.READ)


def test_each_is_listed_without_what_is_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text(f"{SECRET},{OTHER}")
    variables = {"A": ADDRESS, "A_SECRET_FILE": str(tmp_path / "secrets"), "A_TYPES": "transcription.*,webhook.test"}
    for name, value in variables.items():
        monkeypatch.setenv(f"{targets.PREFIX}{name}", value)
    found = [one for one in listed.every(settings.load()) if one.name.startswith(f"{targets.PREFIX}A")]
    assert [tuple(one) for one in found] == [
        ("RECEIVER_FORWARD_A", "https://hooks.example", "environment", False),
        ("RECEIVER_FORWARD_A_SECRET", "2 set", "file", True),
        ("RECEIVER_FORWARD_A_TYPES", "transcription.*, webhook.test", "environment", False),
        ("RECEIVER_FORWARD_A_TRANSCRIPT", "no", "default", False),
    ]


def test_the_targets_stay_when_another_account_is_chosen() -> None:
    configured = settings.load(RECEIVER_FORWARD_A=ADDRESS, RECEIVER_FORWARD_A_SECRET=SECRET)
    assert configured.choosing("default").targets == configured.targets != ()
