"""`receiver.signature`: what is proven, and what never is."""

import pytest

from receiver import signature
from receiver.errors import SignatureError
from receiver.signature import HEADER, sign, verify

SECRET, BODY, NOW = b"whsec_current", b'{"id":"evt_1"}', 1_777_472_458


def test_a_delivery_signed_now_is_proven_with_its_secret_and_time() -> None:
    header = sign(BODY, secret=SECRET, at=NOW).encode()
    proof = verify([(HEADER, header)], BODY, secrets=[b"other", SECRET], now=NOW)
    assert (proof.secret, proof.signed_at) == (SECRET, NOW)


@pytest.mark.parametrize(("offset", "stale"), [(300, False), (-300, False), (301, True), (-301, True)])
def test_the_window_is_300_seconds_on_both_sides(offset: int, stale: bool) -> None:  # noqa: FBT001 - a case
    headers = [(HEADER, sign(BODY, secret=SECRET, at=NOW + offset).encode())]
    if not stale:
        assert verify(headers, BODY, secrets=[SECRET], now=NOW).signed_at == NOW + offset
        return
    with pytest.raises(SignatureError) as refused:
        verify(headers, BODY, secrets=[SECRET], now=NOW)
    assert refused.value.reason == "stale"


def test_a_fingerprint_shows_nothing_of_its_secret() -> None:
    shown = signature.fingerprint(SECRET)
    assert len(shown) == 12
    assert shown.encode() not in SECRET
