"""`receiver.settings.said`: what a handler reads of a variable."""

from pathlib import Path

import pytest

from receiver import setting, settings, targets
from receiver.errors import ConfigError, ImpossibleError
from receiver.settings import said


def test_a_setting_is_told_as_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said.text(settings.load(), "RECEIVER_TIMESTAMPS") == "youtube,spotify"
    assert said.text(settings.load(), "RECEIVER_LEASE_SECONDS") == "60"
    assert said.text(settings.load(), "PUBLIC_URL") is None
    assert said.text(settings.load(RECEIVER_ARTIFACT_MAX_MB="1000000"), "RECEIVER_ARTIFACT_MAX_MB") == "1000000"
    assert said.text(settings.load(RECEIVER_ARTIFACT_MAX_MB="12345.67"), "RECEIVER_ARTIFACT_MAX_MB") == "12345.67"
    monkeypatch.setenv("RECEIVER_TIMESTAMPS", " markdown , youtube ")
    assert said.text(settings.load(), "RECEIVER_TIMESTAMPS") == "markdown,youtube"


def test_a_secret_is_told_plainly_also_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from_a_file_of_16\n")
    monkeypatch.setenv("RECEIVER_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("TRANSCRIBE_WEBHOOK_SECRET", "whsec_one,whsec_two")
    configured = settings.load()
    assert said.text(configured, "RECEIVER_TOKEN") == "from_a_file_of_16"
    assert said.text(configured, "TRANSCRIBE_WEBHOOK_SECRET") == "whsec_one,whsec_two"


def test_any_other_variable_is_told_as_it_is_set_or_as_its_file_says(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    environment = {"NEWSROOM_URL": " https://newsroom.test ", "EMPTY": " ", "KEY_FILE": str(tmp_path / "key")}
    configured = settings.load()
    assert said.text(configured, "NEWSROOM_URL", environment) == "https://newsroom.test"
    assert said.text(configured, "KEY", environment) == "s3cret"
    assert said.text(configured, "EMPTY", environment) is None
    assert said.text(configured, "ABSENT", environment) is None


def test_a_file_that_cannot_be_used_is_an_error_that_shows_no_value() -> None:
    with pytest.raises(ImpossibleError, match=r"^KEY_FILE: cannot be read \(No such file or directory\)$"):
        said.text(settings.load(), "KEY", {"KEY_FILE": "/s3cret"})
    with pytest.raises(ImpossibleError, match=r"^KEY_FILE: set KEY or KEY_FILE, not both$"):
        said.text(settings.load(), "KEY", {"KEY_FILE": "/absent", "KEY": "s3cret"})


def test_a_module_reads_what_its_handlers_are_made_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RECEIVER_NOTIFY", raising=False)
    assert (setting("RECEIVER_NOTIFY"), setting("RECEIVER_NOTIFY_ON")) == (None, "ready,failed,dead")
    (tmp_path / "secret").write_text("ntfy://a,ntfy://b\n")
    monkeypatch.setenv("RECEIVER_NOTIFY_FILE", str(tmp_path / "secret"))
    assert setting("RECEIVER_NOTIFY") == "ntfy://a ntfy://b"
    configured = settings.load()
    monkeypatch.setenv("PORT", "s3cret")  # a module that was imported before has done that
    with said.found_for(configured):
        assert setting("RECEIVER_NOTIFY") == "ntfy://a ntfy://b"
    with pytest.raises(ConfigError):
        setting("RECEIVER_NOTIFY")


def test_a_target_stays_whatever_a_module_has_done_to_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "RECEIVER_FORWARD_SHOP": "https://shop.test/in", "RECEIVER_FORWARD_SHOP_SECRET": f"whsec_{'A' * 43}=",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert [one.name for one in targets()] == ["shop"]
    configured = settings.load()
    for name in variables:
        monkeypatch.delenv(name)
    assert targets() == ()
    with said.found_for(configured):
        assert targets() == configured.targets != ()
    assert said.text(configured, "RECEIVER_FORWARD_SHOP") == "https://shop.test/in"
    monkeypatch.setenv("RECEIVER_FORWARD_SHOP", "https://shop.test/in")
    with pytest.raises(ConfigError, match="RECEIVER_FORWARD_SHOP_SECRET"):
        targets()
