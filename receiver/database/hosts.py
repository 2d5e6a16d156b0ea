"""Parse the addresses of servers in URLs and libpq's parameters. Pure."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote

from receiver.errors import ConfigError

PORT = 5432
SOCKETS = ("/run/postgresql", "/var/run/postgresql", "/tmp")  # noqa: S108 - the distributions' socket folders
ESCAPE = "characters such as @ / # ? in a password must be percent-encoded (@ is %40)"
IN_NO_HOST = re.compile(r"[\s<>{}$\"'\\^`|()]")


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server: a host and port, or the folder of a local socket.

    Attributes:
        number: the IP address to connect to; then `host` is only the name in the certificate. Empty: look up `host`.
    """

    host: str
    port: int
    number: str = ""

    @property
    def is_socket(self) -> bool:
        """Whether the address is a local socket, which has no TLS and no Kerberos."""
        return self.host.startswith("/")  # even with a PGHOSTADDR, which is meant for a remote server

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        host += f" ({self.number})" if self.number not in ("", self.host) else ""
        return "a local socket" if self.is_socket else f"{host}:{self.port}"


def plain(text: str) -> str:
    """Decode percent-encoded text."""
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if "\0" in decoded:
        raise ConfigError("DATABASE_URL: its percent-encoded characters are not text")
    return decoded


def is_number(text: str) -> bool:
    """Return whether a host is an IP address, which needs no look-up."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def checked(name: str) -> str:
    """Return a host unchanged if it is a possible host name or a folder; refuse any other."""
    if not name.startswith("/") and IN_NO_HOST.search(name):
        raise ConfigError(f"DATABASE_URL: the host has a character that host names cannot have; {ESCAPE}")
    return name


def split(text: str) -> tuple[str, str]:
    """Return host and port of `host`, `host:port`, `[::1]:port` or `%2Ffolder:port`."""
    if not text.startswith("["):
        host, _, rest = text.partition(":")
        return plain(host), rest
    host, bracket, rest = text[1:].partition("]")
    host = plain(host)
    if not bracket or (rest and not rest.startswith(":")) or not is_number(host):
        raise ConfigError(f"DATABASE_URL: the text in brackets must be an IPv6 address, as [::1]:5432; {ESCAPE}")
    return host, rest.removeprefix(":")


def named(text: str) -> tuple[str, str]:
    """Return host and port of a parameter or variable. A folder or an IPv6 address needs no encoding there."""
    is_whole = text.startswith("/") or text.count(":") > 1
    return (text.strip("[]"), "") if is_whole and "]:" not in text else split(text)


def port(text: str, whose: str) -> int:
    """Return a port's number, by default 5432; `whose` names the source of a wrong one."""
    if not text:
        return PORT
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 2**16):
        advice = f"; {ESCAPE}" if whose.startswith("DATABASE_URL") else ""  # the text can be the rest of a password
        raise ConfigError(f"{whose}: the port must be a number from 1 to 65535{advice}")
    return int(text)
