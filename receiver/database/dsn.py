"""A `DATABASE_URL`, read: what of it goes to the server, and what of it may be shown. Pure.

Hosters and libraries write what they like behind the `?`, and asyncpg sends on what it does not know, so that the
server refuses the connection. Here every name is one that we honour, one of another client's that means nothing to us,
a setting of the server's, or a mistake, which is named before anything connects. What the URL leaves out libpq's `PG…`
variables fill in, and a wrong one is named in its own right.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from receiver.database import hosts
from receiver.database import parameters as known
from receiver.database.hosts import ESCAPE, SOCKETS, Address, plain
from receiver.errors import ConfigError

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full", "no-verify")
SESSIONS = ("any", "primary", "standby", "prefer-standby", "read-write", "read-only")
# What asyncpg reads of a URL itself, and what it reads where the URL is silent.
FILES = {"sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslcrl": "PGSSLCRL"}
PASSED = (*FILES, "sslpassword", "ssl_min_protocol_version", "ssl_max_protocol_version", "passfile", "krbsrvname",
          "gsslib")  # fmt: skip
NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Dsn:
    """What a URL says.

    Attributes:
        addresses: in its order; empty where a service file names them.
        security: how TLS is used, one of `MODES`.
        is_system_trusted: whether the system's certificate authorities are the ones that count.
        is_direct: whether TLS begins without asking.
        session: which kind of server will do, one of `SESSIONS`; nothing where nobody says, so that one that takes
            writes comes before one that does not.
        application: what we are called there.
        passed: what else asyncpg reads of a URL.
        server_settings: sent to the server as they are.
        ignored: names of parameters that mean nothing here.
        demands: what asks for safety that we do not give.
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
    demands: tuple[str, ...]

    def shown(self, *addresses: Address, user: bool = True) -> str:
        """Return what may be shown of it: who asks for which database, and where (by default at every address)."""
        who = f"{self.user}@" if user and self.user else ""
        place = ",".join(dict.fromkeys(map(str, addresses or self.addresses))) or "the service's host"
        return f"{who}{place}/{self.database or self.user or ''}"


class _Given:
    """What is said besides the URL's own parts: behind its `?`, by a service's file, by libpq's variables.

    As in libpq the first that names a thing counts, be it with nothing; what stands before the `?` comes second.
    """

    def __init__(
        self, parameters: Mapping[str, str], service: Mapping[str, str], environment: Mapping[str, str]
    ) -> None:
        self._said = (dict(parameters), dict(service))
        self._environment = environment

    def look(self, name: str, variable: str = "", *, url: str = "") -> tuple[str, str]:
        """Return what counts, and who says it."""
        behind, service = self._said
        if name in behind:
            return behind[name], f"DATABASE_URL: {name}"
        if url:
            return url, f"DATABASE_URL: {name}"
        if name in service:
            return service[name], f"the service's {name}"
        return self._environment.get(variable, ""), variable

    def take(self, name: str, variable: str = "", *, url: str = "") -> str:
        """Return what counts, and leave it to nobody else."""
        value, _ = self.look(name, variable, url=url)
        for said in self._said:
            said.pop(name, "")
        return value

    def choose(self, name: str, variable: str, allowed: tuple[str, ...]) -> str:
        """Return what counts, which is one of a few words, or nothing."""
        _, whose = self.look(name, variable)
        value = self.take(name, variable)
        if value and value not in allowed:
            raise ConfigError(f"{whose} must be one of {', '.join(allowed)}")
        return value

    def is_behind(self, name: str) -> bool:
        """Whether it stands behind the `?`."""
        return name in self._said[0]

    def divide(self) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
        """Return what is left: settings of the server's, what means nothing here, and what of it asks for safety.

        Raises:
            ConfigError: nobody knows one of them.
        """
        behind, service = self._said
        left = service | behind
        ignored = tuple(name for name in left if known.is_anothers(name))
        demands = [f"{name}={value}" for name, value in left.items() if known.is_demand(name, value)]
        for variable, name in known.VARIABLES.items():
            value = self._environment.get(variable, "")
            demands += [f"{variable}={value}"] if name not in left and known.is_demand(name, value) else []
        settings = {name: value for name, value in left.items() if name not in ignored}
        for whose, said in (("DATABASE_URL", behind), ("the service", service)):
            if wrong := known.unknown(name for name in said if name in settings):
                advice = "a setting of the server's is written options=-c%20NAME=VALUE"
                raise ConfigError(f"{whose}: nobody knows the parameter {', '.join(wrong)}; {advice}")
        return settings, ignored, tuple(demands)


def read(url: str, environment: Mapping[str, str], service: Mapping[str, str] | None = None) -> Dsn:
    """Return what a URL says, and what a service's file and the environment say where it does not.

    Raises:
        ConfigError: it cannot be used; the message shows nothing that may be part of a password.
    """
    credentials, place, path, parameters = _parts(url)
    user, _, password = credentials.partition(":")
    given = _Given(parameters, service or {}, environment)
    security, is_system_trusted = _security(given)
    names = [given.take(name) for name in ("application_name", "ApplicationName")]
    names += [environment.get("PGAPPNAME", ""), given.take("fallback_application_name")]
    passed = {name: value for name in PASSED if (value := given.take(name))}
    is_elsewhere = bool(given.take("service", "PGSERVICE")) and service is None
    given.take("servicefile")
    addresses = _addresses(place, given, is_elsewhere=is_elsewhere)
    user = given.take("user", "PGUSER", url=plain(user))
    password = given.take("password", "PGPASSWORD", url=plain(password))
    databases = [given.take("dbname", url=plain(path)), given.take("database", "PGDATABASE")]
    session = given.choose("target_session_attrs", "PGTARGETSESSIONATTRS", SESSIONS)
    negotiation = given.choose("sslnegotiation", "PGSSLNEGOTIATION", ("postgres", "direct"))
    options = given.take("options", "PGOPTIONS")
    settings, ignored, demands = given.divide()
    if options:  # in a URL a blank is often written as a plus, which could not stand there
        settings["options"] = options.replace("+", " ") if "options" in parameters else options
    return Dsn(
        addresses=addresses, user=user or None, password=password or None, database=_first(databases),
        security=security, is_system_trusted=is_system_trusted, is_direct=negotiation == "direct",
        session=session, application=_first(names) or "receiver", passed=passed,
        server_settings=settings, ignored=ignored, demands=demands,
    )  # fmt: skip


def service(url: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the name of the service that fills in what a URL leaves out, and its file where one is named.

    Raises:
        ConfigError: the URL cannot be used.
    """
    given = _Given(_parts(url)[3], {}, environment)
    return given.take("service", "PGSERVICE"), given.take("servicefile", "PGSERVICEFILE")


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
    credentials, _, listed = authority.rpartition("@")
    return credentials, listed, path, _parameters(query)


def _parameters(query: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, query.split("&")):
        name, separator, value = pair.partition("=")
        if not separator or NAME.fullmatch(name) is None or ("@" in value and not _is_known(name)):
            # It may be the end of a password.
            raise ConfigError(f"DATABASE_URL: what stands behind ? must be NAME=VALUE; {ESCAPE}")
        found[name] = plain(value)
    return found


def _is_known(name: str) -> bool:
    own = ("application_name", "host", "options", "password", "service", "servicefile", "user")
    return name in (*PASSED, *own) or known.is_anothers(name)


def _security(given: _Given) -> tuple[str, bool]:
    """Return how TLS is used, and whether the system's authorities are the ones that count."""
    flag = given.take("ssl").lower()  # of JDBC and node-postgres; libpq takes "true" for `require` too
    mode = given.choose("sslmode", "", MODES)
    mode = mode or {"true": "require", "1": "require", "false": "disable", "0": "disable"}.get(flag, flag)
    if mode and mode not in MODES:
        raise ConfigError(f"DATABASE_URL: ssl must be true, false or one of {', '.join(MODES)}")
    mode = mode or given.choose("sslmode", "PGSSLMODE", MODES) or "prefer"
    is_strict = given.take("sslaccept") == "strict"  # of Prisma
    if given.look("sslrootcert", FILES["sslrootcert"])[0] == "system" or is_strict:
        given.take("sslrootcert")
        return ("verify-full", True) if mode not in ("disable", "no-verify") else (mode, False)
    return mode, False


def _addresses(place: str, given: _Given, *, is_elsewhere: bool) -> tuple[Address, ...]:
    """Return where to connect to, else this machine; nothing where a service's file that we have not read says it.

    One port is for all hosts, or there is one for each.
    """
    own = [hosts.split(one) for one in place.split(",")] if place else []
    own_ports = ",".join(port for _, port in own)
    is_own = bool(own) and not given.is_behind("host")
    elsewhere = given.take("host", "PGHOST", url=place)
    ports, whose = given.look("port", "PGPORT", url=own_ports.strip(",") and own_ports)
    given.take("port")
    numbers, whose_numbers = _numbers(given)
    if is_elsewhere and not elsewhere and not numbers:
        return ()
    named = [(host, "") for host, _ in own] if is_own else [hosts.named(one) for one in elsewhere.split(",")]
    if not elsewhere:
        named *= len(numbers) or 1
    each = zip(named, _each(ports.split(","), named, whose), _each(numbers or [""], named, whose_numbers), strict=True)
    addresses = []
    for (host, with_it), port, number in each:
        names = [host or number] if host or number else [*SOCKETS, "localhost"]
        where_to = hosts.port(with_it or port, whose.removesuffix(": port"))
        addresses += [Address(hosts.checked(name), where_to, number) for name in names]
    return tuple(addresses)


def _each(values: list[str], named: list[tuple[str, str]], whose: str) -> list[str]:
    """Return one value for each host, where there is one for all or one for each."""
    if len(values) == 1:
        return values * len(named)
    if len(values) != len(named):
        raise ConfigError(f"{whose}: must be one, or one for each host")
    return values


def _numbers(given: _Given) -> tuple[list[str], str]:
    """Return the addresses that say where to connect to, whatever name the host has, and who says them."""
    _, whose = given.look("hostaddr", "PGHOSTADDR")
    numbers = given.take("hostaddr", "PGHOSTADDR")
    found = numbers.split(",") if numbers else []
    if not all(one == "" or hosts.is_number(one) for one in found):
        raise ConfigError(f"{whose} must be an IP address")
    return found, whose
