"""Read where events are published: the stream of a NATS server.

    nats://USER:PASSWORD@HOST:4222,HOST2:4222/STREAM?subject=receiver&credentials=/run/nats.creds&monitor=http://HOST:8222

`tls://` encrypts, and `nats://` with a password or a token reaches private addresses only, unless the server demands
encryption. A part before the `@` without a colon is a token. What has a sign of the address's own is written as
in any URL: `%40` is `@`.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, unquote

from pydantic import SecretStr

from receiver.settings import addresses, values

PORT = 4222
SUBJECT = "receiver"
NAME_LENGTH = 200  # of a stream or a beginning of subjects

_ADDRESS = re.compile(r"(nats|tls)://(?:([^@/?#]*)@)?([^@/?#]+)/([A-Za-z0-9_-]+)/?(?:\?([^#]*))?")
_SERVER = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
_SUBJECT = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_OPTIONS = ("subject", "credentials", "monitor")


def checked(value: SecretStr | None) -> SecretStr | None:
    """Return an address of a stream as it is set.

    Raises:
        ValueError: it names none, or the extra is missing. The message does not show it.
    """
    if value is not None:
        Stream.parse(values.token(value.get_secret_value()))
        values.need_extra("nats", "nats")
    return value


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of a NATS server.

    Attributes:
        servers: the addresses of the servers, without user and password.
        name: the stream's name.
        subject: what the subjects of events begin with.
        user: who connects; None if nobody is named.
        password: the user's.
        token: what stands in place of user and password.
        credentials: a file of credentials, such as `nsc` writes it.
        monitors: the monitoring addresses of the servers that keep the stream.
    """

    servers: tuple[str, ...]
    name: str
    subject: str = SUBJECT
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    credentials: Path | None = None
    monitors: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the stream that an address names.

        Raises:
            ValueError: it names none. The message does not show it.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None or len(found[4]) > NAME_LENGTH:
            raise ValueError("must be an address like nats://user:password@host:4222/STREAM")
        scheme, who, servers, name, query = found.groups()
        user, colon, password = (who or "").partition(":")
        options = _options(query or "")
        (subject,) = options.get("subject", [SUBJECT])
        if not _SUBJECT.fullmatch(subject) or len(subject) > NAME_LENGTH:
            raise ValueError("subject must be words of letters, digits, _ and -, with dots between them")
        files = [Path(one) for one in options.get("credentials", ())]
        if any(not one.is_absolute() for one in files):
            raise ValueError("credentials must be the whole path of a file")
        return cls(
            tuple(_server(scheme, one) for one in servers.split(",")), name, subject,
            user=unquote(user) if colon else None, password=unquote(password) if colon else None,
            token=unquote(user) if user and not colon else None, credentials=files[0] if files else None,
            monitors=tuple(_monitor(one) for one in options.get("monitor", ())),
        )  # fmt: skip

    def would_show(self, host: str) -> bool:
        """Whether a connection to `host` that is not encrypted would show a secret on public ways."""
        return (self.password is not None or self.token is not None) and addresses.is_public(host)


def _options(query: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(query, strict_parsing=bool(query), keep_blank_values=True):
            found.setdefault(name, []).append(value)
    except ValueError:  # its message would show the text
        found[""] = []
    if not found.keys() <= {*_OPTIONS}:
        raise ValueError(f"behind the ? it can have {', '.join(_OPTIONS)}, each with = and a value, and & between them")
    if any(len(values) > 1 for name, values in found.items() if name != "monitor"):
        raise ValueError("only monitor can be given more than once")
    return found


def _server(scheme: str, text: str) -> str:
    found = _SERVER.fullmatch(text)
    port = PORT if found is None else int(found[2] or PORT)
    if found is None or not 0 < port <= addresses.LAST_PORT:
        raise ValueError("must name servers as HOST or HOST:PORT, with commas between them")
    return f"{scheme}://{found[1]}:{port}"


def _monitor(text: str) -> str:
    try:
        return addresses.base(text, without="/varz")
    except ValueError as exc:
        raise ValueError(f"monitor {exc}") from None
