"""`receiver.settings.ready_notify`: whom to notify of what. `test_model` has what is refused at once."""

import logging

import pytest

from receiver.errors import ConfigError
from receiver.settings import ready_notify, values


def test_apprise_is_asked_about_every_address() -> None:
    ready_notify.check([])
    ready_notify.check(["ntfy://topic", "json://user:s3cret@127.0.0.1:1/s3cret"])


@pytest.mark.parametrize(("addresses", "why"), [
    (["s3cret://s3cret"], "the address begins with no service that apprise knows"),
    (["ntfy://topic", "slack://s3cret"], "address 2 of 2 lacks something that its service needs"),
    (["https://s3cret.example/hook"], "the address begins with no service that apprise knows"),
])  # fmt: skip
def test_an_address_that_it_cannot_use_is_refused_and_not_shown(
    addresses: list[str], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigError) as refused:
        ready_notify.check(addresses)
    assert str(refused.value) == f"RECEIVER_NOTIFY: {why}: see https://appriseit.com/services"
    assert "s3cret" not in caplog.text


def test_amounts_are_those_of_the_occasions() -> None:
    found = ready_notify.occasions(["ready", "costs:10", "costs:0.50", "costs:10.00"])
    assert found == ("ready", "costs:10", "costs:0.5")
    assert [f"{one:f}" for one in ready_notify.thresholds(found)] == ["10", "0.5"]


def test_an_extra_whose_library_is_missing_is_told_with_how_to_get_it() -> None:
    values.need_extra("notify", "apprise")
    with pytest.raises(ValueError, match=r"^needs the extra `notify`: pip install 'apprise>=2\.3'$"):
        values.need_extra("notify", "no_such_module_anywhere")
