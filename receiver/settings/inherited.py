"""The variables of every program that we start: paths, locale and Python's options, but not a key or a password."""

from collections.abc import Mapping

PLAIN = frozenset({
    "PATH", "HOME", "TMPDIR", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX", "PYTHONWARNINGS", "PYTHONFAULTHANDLER", "PYTHONDEVMODE", "PYTHONASYNCIODEBUG",
})  # fmt: skip
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")  # for a program that makes HTTPS requests


def plain(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the harmless variables of an environment."""
    return {name: value for name, value in environment.items() if name in PLAIN or name.startswith("LC_")}
