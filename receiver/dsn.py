"""A `DATABASE_URL`, read: what of it goes to the server, and what of it may be shown. Pure.

Hosters and libraries write what they like behind the `?`, and asyncpg sends on what it does not know, so that the
server refuses the connection. Here every name is one that we honour, one of another client's that means nothing to us,
a setting of the server's, or a mistake, which is named before anything connects. What the URL leaves out libpq's `PG…`
variables fill in, and a wrong one is named in its own right.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from receiver.errors import ConfigError

PORT = 5432
SOCKETS = ("/run/postgresql", "/var/run/postgresql", "/tmp")  # noqa: S108 - where distributions put them
ESCAPE = "characters such as @ / # ? in a password must be percent-encoded (@ is %40)"
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full", "no-verify")
SESSIONS = ("any", "primary", "standby", "prefer-standby", "read-write", "read-only")
# What asyncpg reads of a URL itself, and what it reads where the URL is silent.
FILES = {"sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslcrl": "PGSSLCRL"}
PASSED = (*FILES, "sslpassword", "ssl_min_protocol_version", "ssl_max_protocol_version", "passfile", "krbsrvname",
          "gsslib", "service")  # fmt: skip

# Of libpq; of Prisma and Supabase; of JDBC; of node-postgres, postgres.js and pgx; of SQLAlchemy, Rails and Django.
ANOTHERS = frozenset(
    """
    channel_binding client_encoding connect_timeout gssdelegation gssencmode hostaddr keepalives keepalives_count
    keepalives_idle keepalives_interval load_balance_hosts max_protocol_version min_protocol_version require_auth
    requirepeer requiressl sslcertmode sslcompression sslcrldir sslkeylogfile sslsni tcp_user_timeout

    connection_limit max_idle_connection_lifetime pgbouncer schema single_use_connections socket_timeout sslidentity
    statement_cache_size supa workaround

    allowencodingchanges binarytransfer cancelsignaltimeout channelbinding connecttimeout currentschema
    defaultrowfetchsize loadbalancehosts logintimeout preferquerymode preparedstatementcachequeries
    preparedstatementcachesizemib preparethreshold rewritebatchedinserts sockettimeout sslfactory stringtype
    targetservertype tcpkeepalive

    binary_parameters default_query_exec_mode description_cache_capacity idle_timeout max max_lifetime prepare
    statement_cache_capacity uselibpqcompat

    adapter async_fallback checkout_timeout command_timeout conn_health_checks conn_max_age encoding max_overflow
    max_size min_size pool prepared_statement_cache_size prepared_statements reaping_frequency timeout
    """.split()  # noqa: SIM905 - as people read it
)
# Settings of the server's that people write there; any other goes into `options`, as psql wants it.
SERVER_SETTINGS = frozenset(
    """
    bytea_output datestyle deadlock_timeout default_transaction_deferrable default_transaction_isolation
    default_transaction_read_only extra_float_digits geqo idle_in_transaction_session_timeout idle_session_timeout
    intervalstyle jit lock_timeout options plan_cache_mode role row_security search_path statement_timeout
    synchronous_commit timezone transaction_timeout work_mem
    """.split()  # noqa: SIM905 - the same
)
NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: a host and port, or the folder of a local socket."""

    host: str
    port: int

    @property
    def is_socket(self) -> bool:
        """Whether it is a local socket, where TLS and Kerberos mean nothing."""
        return self.host.startswith("/")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return "a local socket" if self.is_socket else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Dsn:
    """What a URL says.

    Attributes:
        addresses: in its order; empty where a service file names them.
        security: how TLS is used, one of `MODES`.
        is_system_trusted: whether the system's certificate authorities are the ones that count.
        is_direct: whether TLS begins without asking.
        session: which kind of server will do, one of `SESSIONS`.
        application: what we are called there.
        passed: what else asyncpg reads of a URL.
        server_settings: sent to the server as they are.
        ignored: names of parameters that mean nothing here.
    """

    addresses: tuple[Address, ...]
    user: str | None
    password: str | None = field(repr=False)
    database: str | None
    security: str
    is_system_trusted: bool
    is_direct: bool
    session: str
    application: str
    passed: Mapping[str, str] = field(repr=False)
    server_settings: Mapping[str, str]
    ignored: tuple[str, ...]

    def shown(self, *addresses: Address, user: bool = True) -> str:
        """Return what may be shown of it: who asks for which database, and where (by default at every address)."""
        who = f"{self.user}@" if user and self.user else ""
        place = ",".join(dict.fromkeys(map(str, addresses or self.addresses))) or "the service's host"
        return f"{who}{place}/{self.database or self.user or ''}"


class _Given:
    """What stands behind the `?`, less what has been taken of it, and libpq's variables."""

    def __init__(self, parameters: dict[str, str], environment: Mapping[str, str]) -> None:
        self._parameters = parameters
        self._environment = environment

    def look(self, name: str, variable: str = "") -> str:
        """Return a parameter, or else the variable that fills it in, or else nothing."""
        return self._parameters.get(name, "") or self._environment.get(variable, "")

    def take(self, name: str, variable: str = "") -> str:
        """Do the same, and leave the parameter to nobody else."""
        value = self.look(name, variable)
        self._parameters.pop(name, "")
        return value

    def choose(self, name: str, variable: str, allowed: tuple[str, ...]) -> str:
        """Return a parameter or variable that is one of a few words, or nothing."""
        whose = f"DATABASE_URL: {name}" if self.look(name) else variable
        value = self.take(name, variable)
        if value and value not in allowed:
            raise ConfigError(f"{whose} must be one of {', '.join(allowed)}")
        return value

    def divide(self) -> tuple[dict[str, str], tuple[str, ...]]:
        """Return what is left: settings of the server's, and the names of what means nothing here.

        Raises:
            ConfigError: nobody knows one of them.
        """
        ignored = tuple(name for name in self._parameters if _is_anothers(name))
        settings = {name: value for name, value in self._parameters.items() if name not in ignored}
        unknown = [name for name in settings if name.lower() not in SERVER_SETTINGS and "." not in name]
        if unknown:
            said = f"nobody knows the parameter {', '.join(unknown)}"
            raise ConfigError(f"DATABASE_URL: {said}; a setting of the server's is written options=-c%20NAME=VALUE")
        if "options" in settings:  # a blank is often written as a plus, which could not stand there
            settings["options"] = settings["options"].replace("+", " ")
        return settings, ignored


def read(url: str, environment: Mapping[str, str]) -> Dsn:
    """Return what a URL says, and what the environment says where it does not.

    Raises:
        ConfigError: it cannot be used; the message shows nothing that may be part of a password.
    """
    credentials, hosts, path, parameters = _parts(url)
    user, _, password = credentials.partition(":")
    given = _Given(parameters, environment)
    security, is_system_trusted = _security(given)
    names = [given.take(name) for name in ("application_name", "ApplicationName", "fallback_application_name")]
    passed = {name: value for name in PASSED if (value := given.take(name))}
    addresses = _addresses(hosts, given, has_service="service" in passed)
    users = [_plain(user), given.take("user", "PGUSER")]
    passwords = [_plain(password), given.take("password", "PGPASSWORD")]
    databases = [_plain(path), given.take("dbname"), given.take("database", "PGDATABASE")]
    session = given.choose("target_session_attrs", "PGTARGETSESSIONATTRS", SESSIONS)
    negotiation = given.choose("sslnegotiation", "PGSSLNEGOTIATION", ("postgres", "direct"))
    settings, ignored = given.divide()
    return Dsn(
        addresses=addresses, user=_first(users), password=_first(passwords), database=_first(databases),
        security=security, is_system_trusted=is_system_trusted, is_direct=negotiation == "direct",
        session=session or "any", application=_first(names) or "receiver", passed=passed,
        server_settings=settings, ignored=ignored,
    )  # fmt: skip


def where(url: str) -> str:
    """Return what may be shown of a connection URL: hosts, ports and database; never user, password or parameters."""
    try:
        return read(url, {}).shown(user=False)
    except ConfigError:
        return "the configured database"


def _first(values: list[str]) -> str | None:
    return next(filter(None, values), None)


def _parts(url: str) -> tuple[str, str, str, dict[str, str]]:
    """Return user and password, hosts, path and parameters of a URL, of which the parameters are decoded."""
    scheme, separator, rest = url.strip().partition("://")
    if scheme.lower() not in ("postgresql", "postgres") or not separator:
        raise ConfigError("DATABASE_URL: must start with postgresql://")
    place, _, query = rest.partition("?")
    authority, _, path = place.partition("/")
    if "#" in rest or "@" in path:
        raise ConfigError(f"DATABASE_URL: {ESCAPE}")
    credentials, _, hosts = authority.rpartition("@")
    return credentials, hosts, path, _parameters(query)


def _parameters(query: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, query.split("&")):
        name, separator, value = pair.partition("=")
        if not separator or NAME.fullmatch(name) is None or ("@" in value and not _is_known(name)):
            # It may be the end of a password.
            raise ConfigError(f"DATABASE_URL: what stands behind ? must be NAME=VALUE; {ESCAPE}")
        found[name] = _plain(value)
    return found


def _is_anothers(name: str) -> bool:
    return name.lower() in ANOTHERS or name.lower().startswith("pool_")


def _is_known(name: str) -> bool:
    return name in (*PASSED, "application_name", "host", "options", "password", "user") or _is_anothers(name)


def _plain(text: str) -> str:
    """Undo percent-encoding."""
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        plain = "\0"
    if "\0" in plain:
        raise ConfigError("DATABASE_URL: what is percent-encoded in it is no text")
    return plain


def _security(given: _Given) -> tuple[str, bool]:
    """Return how TLS is used, and whether the system's authorities are the ones that count."""
    flag = given.take("ssl").lower()  # of JDBC and node-postgres; libpq takes "true" for `require` too
    mode = given.choose("sslmode", "", MODES)
    mode = mode or {"true": "require", "1": "require", "false": "disable", "0": "disable"}.get(flag, flag)
    if mode and mode not in MODES:
        raise ConfigError(f"DATABASE_URL: ssl must be true, false or one of {', '.join(MODES)}")
    mode = mode or given.choose("sslmode", "PGSSLMODE", MODES) or "prefer"
    is_strict = given.take("sslaccept") == "strict"  # of Prisma
    if given.look("sslrootcert", FILES["sslrootcert"]) == "system" or is_strict:
        given.take("sslrootcert")
        return ("verify-full", True) if mode not in ("disable", "no-verify") else (mode, False)
    return mode, False


def _addresses(hosts: str, given: _Given, *, has_service: bool) -> tuple[Address, ...]:
    """Return where to connect to: what the URL says in front of its path, else behind, else PGHOST, else this machine.

    One port is for all hosts, or there is one for each.
    """
    elsewhere, port = given.take("host", "PGHOST"), given.take("port", "PGPORT")
    if has_service and not hosts and not elsewhere:
        return ()
    named = [_split(one) for one in hosts.split(",")] if hosts else [_named(one) for one in elsewhere.split(",")]
    ports = port.split(",")
    if len(ports) == 1:
        ports *= len(named)
    if len(ports) != len(named):
        raise ConfigError("DATABASE_URL: must have one port, or one for each host")
    addresses = []
    for (host, own), other in zip(named, ports, strict=True):
        number = _port(own or other)
        addresses += [Address(name, number) for name in ([host] if host else [*SOCKETS, "localhost"])]
    return tuple(addresses)


def _split(text: str) -> tuple[str, str]:
    """Return host and port of `host`, `host:port`, `[::1]:port` or `%2Ffolder:port`."""
    host, bracket, rest = text.partition("]") if text.startswith("[") else text.partition(":")
    if bracket == "]":
        return _plain(host[1:]), rest.removeprefix(":")
    return _plain(host), rest


def _named(text: str) -> tuple[str, str]:
    """Return host and port of a parameter or variable, in which a folder or an IPv6 address stands as it is."""
    is_whole = text.startswith("/") or text.count(":") > 1
    return (text.strip("[]"), "") if is_whole and "]:" not in text else _split(text)


def _port(text: str) -> int:
    if not text:
        return PORT
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 2**16):
        raise ConfigError(f"DATABASE_URL: the port must be a number from 1 to 65535; {ESCAPE}")
    return int(text)
