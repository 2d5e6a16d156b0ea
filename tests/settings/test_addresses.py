"""`receiver.settings.addresses`: one spelling for each place, whatever a person wrote."""

from ipaddress import IPv4Address

import pytest

from receiver.settings.addresses import base, is_public, same

OURS = "/webhooks/transcribe-so"


@pytest.mark.parametrize(("text", "spelled"), [
    ("https://example.com", "https://example.com"),
    ("HTTPS://Example.COM", "https://example.com"),
    (" https://example.com/ \n", "https://example.com"),
    ("https://example.com//", "https://example.com"),
    ("https://example.com:443", "https://example.com"),
    ("HTTP://example.com:80/", "http://example.com"),
    ("https://example.com:80", "https://example.com:80"),
    ("https://example.com/webhooks/transcribe-so", "https://example.com"),
    ("https://example.com//webhooks/transcribe-so//", "https://example.com"),
    ("https://example.com/Prefix/webhooks/transcribe-so", "https://example.com/Prefix"),
    ("https://example.com/webhooks", "https://example.com/webhooks"),
    ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
    ("http://[::1]:8000/", "http://[::1]:8000"),
    ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ("http://web_1:8000", "http://web_1:8000"),
    ("https://xn--bcher-kva.example.", "https://xn--bcher-kva.example."),
    ("https://a--b.7-eleven.example", "https://a--b.7-eleven.example"),
])  # fmt: skip
def test_an_address_has_one_spelling(text: str, spelled: str) -> None:
    assert base(text, without=OURS) == spelled
    assert base(spelled, without=OURS) == spelled


@pytest.mark.parametrize("text", [
    "", "example.com", "//example.com", "ftp://example.com", "https://", "https:///x", "https:example.com",
    "https://example.com?", "https://example.com#", "https://exam ple.com", "https://example.com\\x",
    "https://example.com/\u200b", "\ufeffhttps://example.com", "https://example.com:0", "https://example.com:99999",
    "https://example.com/\udcfc", "https://example.com'", "https://example.com;", "https://example.com,",
    "https://example.com/'", "https://example.com/a,", "'https://example.com", "https://${HOST}", "https://{{host}}",
    "https://example.com/${PREFIX}", "https://<host>", "https://a|b", "https://a..example", "https://.example",
    "https://.", "https://-a.example", "https://a-.example", "https://*.example.com", "https://%61.example",
    "https://1.2.3.4.5", "https://1.2.3.256", "https://[::1", "https://[::g]", f"https://{'a' * 64}.example",
    f"https://{'a.' * 126}example",
])  # fmt: skip
def test_what_is_no_address_is_refused_unshown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an address like https://example.com$"):
        base(text)


def test_nothing_stands_behind_a_known_path() -> None:
    with pytest.raises(ValueError, match=r"^must end before /webhooks/transcribe-so, or with it$"):
        base("https://example.com/webhooks/transcribe-so/jobs/abc", without=OURS)


@pytest.mark.parametrize("text", ["https://me@example.com", "https://me:s3cret@example.com", "https://@example.com"])
def test_an_address_carries_no_user(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must not contain a user or a password$"):
        base(text)


@pytest.mark.parametrize(("one", "other", "are"), [
    ("https://Example.com/a/", "HTTPS://example.com:443/a", True),
    ("https://example.com/a?x=1", "https://example.com/a?x=1", True),
    ("https://example.com/a?x=1", "https://example.com/a", False),
    ("https://example.com/a", "https://example.com/A", False),
    ("https://example.com/a", "http://example.com/a", False),
])  # fmt: skip
def test_two_addresses_are_the_same_place_or_not(one: str, other: str, *, are: bool) -> None:
    assert same(one, other) is are
    assert same(other, one) is are


PRIVATE_4 = (
    "0.0.0.1", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.255",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
)  # fmt: skip
PUBLIC_4 = (
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "168.63.129.17", "172.32.0.1", "192.0.1.1",
    "192.167.255.255", "198.20.0.1", "223.255.255.255",
)  # fmt: skip


@pytest.mark.parametrize(
    "form", ["{}", "::{}", "::ffff:{}", "::ffff:0:{}", "64:ff9b::{}", "2002:{:x}::", "2002:{:x}::1"]
)
def test_an_address_is_private_in_every_form_that_leads_there(form: str) -> None:
    def spelled(address: str) -> str:
        number = int(IPv4Address(address))
        return form.replace("{:x}", f"{number >> 16:x}:{number & 0xFFFF:x}").replace("{}", address)

    assert not [one for one in PRIVATE_4 if is_public(spelled(one))]
    assert not [one for one in PUBLIC_4 if not is_public(spelled(one))]


@pytest.mark.parametrize("host", [
    "::", "::1", "::7f00:1", "100::1", "64:ff9b:1::7f00:1", "64:ff9b:1::808:808", "2001::1", "2001:2::1",
    "2001:0:0:0:0:0:80ff:fffe", "2001:db8::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "fe80::1%lo", "fec0::1", "ff02::1", "4000::1", "1fff::1", "127.1", "0x7f000001", "017700000001", "2130706433", "0",
    "localhost", "LOCALHOST.", "a.localhost",
])  # fmt: skip
def test_what_is_not_given_to_a_network_of_the_internet_is_private(host: str) -> None:
    assert not is_public(host)


@pytest.mark.parametrize("host", ["2600::1", "2a00:1450::8", "2620:4f:8000::1", "3ffe::1", "example.com", "134744072"])
def test_the_internet_is_public_and_a_name_that_is_not_resolved_too(host: str) -> None:
    assert is_public(host)
