"""`database.libpq`: services are found like in libpq, or refused; an unread password file is reported."""

from pathlib import Path

import pytest

from receiver.database.libpq import service, why_password_file_unread
from receiver.errors import ConfigError


def test_a_service_is_what_stands_under_its_name(tmp_path: Path) -> None:
    file = tmp_path / "services"
    file.write_text("# mine\n[other]\nhost=a\n\n[mine]\nhost = b\npassword=a%b=c#d\n[more]\nport=7\n")
    assert service("mine", str(file), {}) == {"host": "b", "password": "a%b=c#d"}


def test_the_users_file_comes_before_the_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    machine = tmp_path / "etc"
    machine.mkdir()
    (machine / "pg_service.conf").write_text("[mine]\nhost=machine\n[its]\nhost=machine\n")
    (tmp_path / ".pg_service.conf").write_text("[mine]\nhost=user\n")
    environment = {"PGSYSCONFDIR": str(machine)}
    assert [service(name, "", environment)["host"] for name in ("mine", "its")] == ["user", "machine"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[other]\nhost=a\n", "the service mine is not in .*/services: check service= in DATABASE_URL"),
        ("[mine]\nldap://x/hunter2\n", "line 2 of .*/services must be NAME=VALUE"),
        ("[mine]\nservice=other\n", "line 2 of .*/services must be NAME=VALUE, and must not name another service"),
        ("[mine]\nservice = other\n", "line 2 of .*/services must be NAME=VALUE, and must not name another service"),
        (None, "services cannot be read \\(No such file"),
    ],
)
def test_a_service_that_is_not_there_is_refused(text: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "services"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=said) as refused:
        service("mine", str(file), {})
    assert "hunter2" not in str(refused.value)


def test_a_password_file_that_is_left_unread_is_told(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    assert why_password_file_unread(str(file)) is None
    file.write_text("*:*:*:*:hunter2\n")
    file.chmod(0o600)
    assert why_password_file_unread(str(file)) is None
    file.chmod(0o644)
    assert (
        why_password_file_unread(str(file))
        == f"{file} is ignored, because other users have rights on it: run chmod 600 on it"
    )
    assert why_password_file_unread(str(tmp_path)) == f"{tmp_path} is not a file"
