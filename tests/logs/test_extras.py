"""How what is missing is installed."""

from importlib import metadata

import pytest

from receiver.logs.extras import to_install


def test_the_libraries_are_named_and_not_this_package() -> None:
    """Another project has the name `receiver` on PyPI."""
    assert to_install("notify") == "pip install 'apprise>=2.3'"
    assert to_install("otel").count("'opentelemetry-") == 3


@pytest.mark.parametrize("extra", ["embedded", "mcp", "nats", "notify", "otel", "s3"])
def test_each_extra_has_libraries(extra: str) -> None:
    command = to_install(extra)
    assert command.startswith("pip install '")
    assert "receiver" not in command


def test_in_a_checkout_that_is_not_installed_the_extra_is_that_of_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", none)
    assert to_install("s3") == "pip install -e '.[s3]'"
