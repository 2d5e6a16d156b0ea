"""Look for secrets in what a process said: as they are, and in every writing in which they may turn up.

`Processes` does it for each process, command and answer of a test, so no test has to ask for it.
"""

import base64
import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, quote, quote_plus, unquote

from receiver.cli.up.simulation import SANDBOX_KEY
from receiver.settings import targets
from receiver.settings.account_variables import is_secret
from receiver.settings.model import SECRETS

SHORTEST = 5
WITH_PASSWORDS = ("DATABASE_URL", "RECEIVER_PUBLISH")
# What providers' secrets and keys begin with, so that also those are found which only a database knows.
BEGINNINGS = ("whsec_", "tsk_live_", "tsk_test_")
PUBLIC = SANDBOX_KEY  # the sandbox tells it to everybody
_SIGNATURE = re.compile(r"v1=[0-9a-f]{64}")
_MAC = re.compile(r"[0-9a-f]{64}")
_PASSWORD = re.compile(r"\w+://[^/@:]*:(.+)@", re.DOTALL)


class Secrecy:
    """What must not be said.

    Attributes:
        searched: how many texts, and how many characters, all of them have been through.
    """

    searched: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        self._writings: dict[str, str] = {one: start for start in BEGINNINGS for one in writings(start) - {start}}
        self._signatures: set[str] = set()

    def keep(self, *secrets: str) -> None:
        """Let nobody say these."""
        for secret in secrets:
            if len(secret) >= SHORTEST and secret != PUBLIC:
                # A new one: other threads may be looking through the old one.
                self._writings = self._writings | dict.fromkeys(writings(secret), secret)

    def keep_settings(self, environment: Mapping[str, str]) -> None:
        """Let nobody say what is secret in the settings of a process."""
        family = [name for name in environment if is_secret(name) or targets.is_secret(name)]
        for name in {*SECRETS, *(one.removesuffix("_FILE") for one in family)}:
            value = environment.get(name, "")
            with suppress(OSError, KeyError, UnicodeDecodeError):
                value = value or Path(environment[f"{name}_FILE"]).read_text().strip()
            self.keep(*(passwords(value) if name in WITH_PASSWORDS else map(str.strip, value.split(","))))

    def keep_signature(self, header: str) -> None:
        """Let nobody say the signature of a delivery."""
        self._signatures |= set(_MAC.findall(header))

    def hits(self, text: str) -> list[str]:
        """Return the secrets in a text, each with what stands around it."""
        text = text.replace(PUBLIC, "")
        # A help text may speak of tsk_live_…
        found = [(one[0], one.start()) for start in BEGINNINGS for one in re.finditer(rf"{start}\w", text)]
        found += [(secret, text.index(one)) for one, secret in self._writings.items() if one in text]
        found += [("a signature", one.start()) for one in _SIGNATURE.finditer(text)]
        found += [("a signature", one.start()) for one in _MAC.finditer(text) if one[0] in self._signatures]
        return [f"{name!r} in {text[max(0, at - 80) : at + 80]!r}" for name, at in found]

    def hold(self, where: str, text: str) -> None:
        """Fail where a text holds a secret."""
        self.searched.update(texts=1, characters=len(text))
        found = self.hits(text)
        assert not found, f"{where} shows a secret: {'; '.join(found[:5])}"


def writings(secret: str) -> set[str]:
    """Return the forms that a secret may take in a text: escaped, quoted, in hex, anywhere in Base64."""
    raw = secret.encode()
    return {
        secret, repr(secret)[1:-1], ascii(secret)[1:-1], repr(raw)[2:-1], json.dumps(secret)[1:-1],
        html.escape(secret), quote(secret), quote(secret, safe=""), quote_plus(secret), raw.hex(), raw.hex().upper(),
        *_in_base64(raw),
    }  # fmt: skip


def _in_base64(raw: bytes) -> Iterable[str]:
    """Yield the characters that stand for nothing but these bytes, wherever in a group of three they begin."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw).decode()
        whole = text[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        yield from (whole, whole.replace("+", "-").replace("/", "_"))


def passwords(url: str) -> set[str]:
    """Return what is a password in the URL of a server, which may be malformed."""
    found = set(_PASSWORD.findall(url)) | set(parse_qs(url.partition("?")[2]).get("password", ()))
    return found | {unquote(one) for one in found}
