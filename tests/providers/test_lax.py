"""`receiver.providers.lax`: what a provider writes is what it seems to be, or nothing."""

import pytest

from receiver.providers import lax


@pytest.mark.parametrize(("body", "found"), [
    (b'{"a": [1]}', {"a": [1]}), (b"", {}), (b"[1]", {}), (b'{"a"', {}), (b"<html>", {}), (b"\xff\xfe\x00", {}),
    (b'{"a":' * 10_000, {}),
])  # fmt: skip
def test_what_is_no_object_is_an_empty_one(body: bytes, found: dict[str, object]) -> None:
    assert lax.json_object(body) == found


@pytest.mark.parametrize(("value", "found"), [
    (5, 5.0), ("2.5", 2.5), (" 1e3 ", 1000.0), (-1, -1.0), (True, None), (None, None), ("soon", None), ("nan", None),
    (float("inf"), None), (10**400, None), ([], None),
])  # fmt: skip
def test_a_number_is_finite_and_no_truth(value: object, found: float | None) -> None:
    assert lax.number(value) == found
