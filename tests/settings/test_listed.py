"""Every setting is listed with where it is from, and no secret with what it is."""

from pathlib import Path

import pytest

from receiver import settings
from receiver.settings import environment
from receiver.settings.listed import every

pytestmark = pytest.mark.usefixtures("own_environment")


def test_each_says_from_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret-of-a-file-1\n")
    Path(".env").write_text("RECEIVER_LANES=3\nRECEIVER_CALLS=2\nTRANSCRIBE_API_KEY=tsk_s3cret\n")
    Path(".env").chmod(0o600)
    monkeypatch.setenv("RECEIVER_CALLS", "1")
    monkeypatch.setenv("RECEIVER_TOKEN_FILE", str(token))
    monkeypatch.setenv("TRANSCRIBE_WEBHOOK_SECRET", "whsec_s3cret,whsec_other")
    environment.enter()
    found = {one.name: one for one in every(settings.load())}
    said = {name: (found[name].value, found[name].origin) for name in (
        "RECEIVER_LANES", "RECEIVER_CALLS", "TRANSCRIBE_API_KEY", "RECEIVER_TOKEN", "TRANSCRIBE_WEBHOOK_SECRET",
        "DATABASE_URL", "RECEIVER_SPOOL_MAX_MB", "RECEIVER_TIMESTAMPS",
    )}  # fmt: skip
    assert said == {
        "RECEIVER_LANES": ("3", ".env"), "RECEIVER_CALLS": ("1", "environment"), "TRANSCRIBE_API_KEY": ("set", ".env"),
        "RECEIVER_TOKEN": ("set", "file"), "TRANSCRIBE_WEBHOOK_SECRET": ("2 set", "environment"),
        "DATABASE_URL": ("", "default"), "RECEIVER_SPOOL_MAX_MB": ("256", "default"),
        "RECEIVER_TIMESTAMPS": ("youtube, spotify", "default"),
    }  # fmt: skip
    assert all(found[name].is_secret for name in ("TRANSCRIBE_API_KEY", "RECEIVER_TOKEN", "DATABASE_URL"))
    assert not any("s3cret" in one.value for one in found.values())


def test_a_process_that_we_started_knows_it_too() -> None:
    Path(".env").write_text("RECEIVER_LANES=3\n")
    Path(".env").chmod(0o600)
    environment.enter()
    assert environment.enter() == [], "it is read once"
    assert next(one for one in every(settings.load()) if one.name == "RECEIVER_LANES").origin == ".env"
