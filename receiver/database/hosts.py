"""Where servers listen, as URLs and libpq's parameters write it. Pure."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote

from receiver.errors import ConfigError

PORT = 5432
SOCKETS = ("/run/postgresql", "/var/run/postgresql", "/tmp")  # noqa: S108 - where distributions put them
ESCAPE = "characters such as @ / # ? in a password must be percent-encoded (@ is %40)"
IN_NO_HOST = re.compile(r"[\s<>{}$\"'\\^`|()]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: a host and port, or the folder of a local socket.

    Attributes:
        number: the address to connect to where the host only says whom to expect there; else nothing.
    """

    host: str
    port: int
    number: str = ""

    @property
    def is_socket(self) -> bool:
        """Whether it is a local socket, where TLS and Kerberos mean nothing."""
        return self.host.startswith("/")  # whatever PGHOSTADDR says, which is meant for a server far away

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        host += f" ({self.number})" if self.number not in ("", self.host) else ""
        return "a local socket" if self.is_socket else f"{host}:{self.port}"


def plain(text: str) -> str:
    """Undo percent-encoding."""
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if "\0" in decoded:
        raise ConfigError("DATABASE_URL: what is percent-encoded in it is no text")
    return decoded


def is_number(text: str) -> bool:
    """Whether it is an IP address, which needs no asking for one."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def checked(name: str) -> str:
    """Return a host that some machine may have as its name, or a folder."""
    if not name.startswith("/") and IN_NO_HOST.search(name):
        raise ConfigError(f"DATABASE_URL: the host has a character in it that no host's name has; {ESCAPE}")
    return name


def split(text: str) -> tuple[str, str]:
    """Return host and port of `host`, `host:port`, `[::1]:port` or `%2Ffolder:port`."""
    if not text.startswith("["):
        host, _, rest = text.partition(":")
        return plain(host), rest
    host, bracket, rest = text[1:].partition("]")
    host = plain(host)
    if not bracket or (rest and not rest.startswith(":")) or not is_number(host):
        raise ConfigError(f"DATABASE_URL: what stands in brackets must be an IPv6 address, as [::1]:5432; {ESCAPE}")
    return host, rest.removeprefix(":")


def named(text: str) -> tuple[str, str]:
    """Return host and port of a parameter or variable, in which a folder or an IPv6 address stands as it is."""
    is_whole = text.startswith("/") or text.count(":") > 1
    return (text.strip("[]"), "") if is_whole and "]:" not in text else split(text)


def port(text: str, whose: str) -> int:
    """Return a port's number; `whose` it is, is said of one that is none."""
    if not text:
        return PORT
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 2**16):
        advice = f"; {ESCAPE}" if whose.startswith("DATABASE_URL") else ""  # it may be the rest of a password
        raise ConfigError(f"{whose}: the port must be a number from 1 to 65535{advice}")
    return int(text)
