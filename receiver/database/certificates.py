"""Find the unusable TLS file or variable. asyncpg reads them before it connects, but its errors do not name them."""

import os
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from receiver.database.dsn import FILES, Dsn

VERSIONS = {
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
}
HOME = {"sslrootcert": "root.crt", "sslcert": "postgresql.crt", "sslkey": "postgresql.key", "sslcrl": "root.crl"}
UNVERIFIED = ("disable", "allow", "prefer", "no-verify")


def mistake(asked: Dsn) -> str | None:
    """Return the first unusable TLS setting and its problem; None if all are usable."""
    if asked.security == "disable":
        return None
    for check in (_version, _authorities, _client_certificate, _key_log):
        if (found := check(asked)) is not None:
            return found
    return None


def _version(asked: Dsn) -> str | None:
    for name, variable in VERSIONS.items():
        whose, value = _setting(asked, name, variable)
        if value and (not value.startswith("TLSv") or value.replace(".", "_") not in ssl.TLSVersion.__members__):
            return f"{whose}: must be TLSv1.2 or TLSv1.3"
    return None


def _authorities(asked: Dsn) -> str | None:
    for whose, path in _files(asked):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
        except ssl.SSLError:
            return f"{whose}: {path} does not contain a certificate"
        except OSError as exc:
            return f"{whose}: {path} cannot be read ({exc.strerror})"
    return None


def _files(asked: Dsn) -> Iterator[tuple[str, str]]:
    """Yield the files with the certificate authorities that we trust, and with revoked certificates."""
    if asked.is_system_trusted:
        if path := os.environ.get("SSL_CERT_FILE"):
            yield "SSL_CERT_FILE", path
    elif asked.security not in UNVERIFIED:
        for name in ("sslrootcert", "sslcrl"):
            whose, path = _file(asked, name)
            if path:
                yield whose, path


def _client_certificate(asked: Dsn) -> str | None:
    """Return the problem with our own certificate or key."""
    if asked.is_system_trusted or asked.security == "no-verify":
        return None
    (whose, path), (whose_key, key) = _file(asked, "sslcert"), _file(asked, "sslkey")
    for name, file in ((whose, path), (whose_key, key)):
        if file and (why := _unreadable(file)):
            return f"{name}: {file} cannot be read ({why})"
    if not path:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(path, key or None, lambda: asked.passed.get("sslpassword", ""))
    except (ssl.SSLError, ValueError):
        what = f"a certificate that fits the key in {key}" if key else "a certificate with its key"
        return f"{whose}: {path} does not contain {what}: check sslcert, sslkey and sslpassword"
    return None


def _key_log(asked: Dsn) -> str | None:
    """Return the problem with the file into which OpenSSL must log a connection's keys."""
    path = os.environ.get("SSLKEYLOGFILE")
    if not path or asked.security == "no-verify":
        return None
    try:
        Path(path).open("ab").close()
    except OSError as exc:
        return f"SSLKEYLOGFILE: {path} cannot be written ({exc.strerror})"
    return None


def _setting(asked: Dsn, name: str, variable: str) -> tuple[str, str]:
    """Return the source of a value (the URL or a variable) for messages, and the value."""
    if value := asked.passed.get(name, ""):
        return f"DATABASE_URL: {name}", value
    return variable, os.environ.get(variable, "")


def _file(asked: Dsn, name: str) -> tuple[str, str]:
    """Return what names a file, and the file's path. The default is the file in the user's home, if it exists."""
    whose, path = _setting(asked, name, FILES[name])
    if not path:
        with suppress(RuntimeError, OSError):
            at_home = Path.home() / ".postgresql" / HOME[name]
            if at_home.exists():
                return name, str(at_home)
    return whose, path


def _unreadable(path: str) -> str | None:
    try:
        Path(path).open("rb").close()
    except OSError as exc:
        return exc.strerror
    return None
