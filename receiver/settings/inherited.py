"""What a program that we start needs of our environment: where things are and how to write, no key and no password."""

from collections.abc import Mapping

PLAIN = frozenset({
    "PATH", "HOME", "TMPDIR", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX", "PYTHONWARNINGS", "PYTHONFAULTHANDLER", "PYTHONDEVMODE", "PYTHONASYNCIODEBUG",
})  # fmt: skip
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")  # of who asks others over HTTPS


def plain(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what anybody may be told."""
    return {name: value for name, value in environment.items() if name in PLAIN or name.startswith("LC_")}
