"""Parse a `DATABASE_URL`: the parts for the server, and the parts that can be shown. Pure.

Hosters and libraries write many parameters behind the `?`. asyncpg sends unknown parameters to the server, and the
server then refuses the connection. So each parameter is sorted here: we use it; or it belongs to another client and is
ignored; or it is a setting of the server; or it is a mistake, which is reported before anything connects. libpq's `PG…`
variables fill in what the URL leaves out. A mistake in a variable is reported with the variable's name.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from receiver.database import hosts
from receiver.database import parameters as known
from receiver.database.hosts import ESCAPE, SOCKETS, Address, plain
from receiver.errors import ConfigError

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full", "no-verify")
SESSIONS = ("any", "primary", "standby", "prefer-standby", "read-write", "read-only")
# The URL parameters for files that asyncpg itself reads, and the variable that asyncpg reads for each otherwise.
FILES = {"sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslcrl": "PGSSLCRL"}
PASSED = (*FILES, "sslpassword", "ssl_min_protocol_version", "ssl_max_protocol_version", "passfile", "krbsrvname",
          "gsslib")  # fmt: skip
NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Dsn:
    """A parsed URL.

    Attributes:
        addresses: in the URL's order; empty if an unread service file names them.
        security: how TLS is used, one of `MODES`.
        is_system_trusted: whether we trust the system's certificate authorities instead of a file of the user's.
        is_direct: whether TLS begins without PostgreSQL's own negotiation.
        session: the accepted kind of server, one of `SESSIONS`. Empty: any server, but preferably a writable one.
        application: our name in the server's views.
        passed: other parameters that asyncpg reads from a URL.
        server_settings: sent to the server unchanged.
        ignored: names of parameters that have no effect here.
        demands: parameters that ask for a protection that we do not offer.
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
        """Return the parts that can be shown: user, addresses (by default all) and database."""
        who = f"{self.user}@" if user and self.user else ""
        place = ",".join(dict.fromkeys(map(str, addresses or self.addresses))) or "the service's host"
        return f"{who}{place}/{self.database or self.user or ''}"


class _Parameters:
    """The parameters behind the URL's `?`, those of a service file, and libpq's variables.

    As in libpq the first source that names a parameter wins, even with an empty value. The order: behind the `?`,
    before the `?`, the service file, the variables.
    """

    def __init__(
        self, parameters: Mapping[str, str], service: Mapping[str, str], environment: Mapping[str, str]
    ) -> None:
        self._named = (dict(parameters), dict(service))
        self._environment = environment

    def look(self, name: str, variable: str = "", *, url: str = "") -> tuple[str, str]:
        """Return the value that wins, and the name of its source for messages."""
        behind, service = self._named
        if name in behind:
            return behind[name], f"DATABASE_URL: {name}"
        if url:
            return url, f"DATABASE_URL: {name}"
        if name in service:
            return service[name], f"the service's {name}"
        return self._environment.get(variable, ""), variable

    def take(self, name: str, variable: str = "", *, url: str = "") -> str:
        """Return the value that wins, and remove the parameter."""
        value, _ = self.look(name, variable, url=url)
        for parameters in self._named:
            parameters.pop(name, "")
        return value

    def choose(self, name: str, variable: str, allowed: tuple[str, ...]) -> str:
        """Return the value that wins and remove it; refuse a value that is neither empty nor `allowed`."""
        _, whose = self.look(name, variable)
        value = self.take(name, variable)
        if value and value not in allowed:
            raise ConfigError(f"{whose} must be one of {', '.join(allowed)}")
        return value

    def is_behind(self, name: str) -> bool:
        """Return whether a parameter is behind the `?`."""
        return name in self._named[0]

    def divide(self) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
        """Return the remaining parameters: the server's settings, the ignored names, the demands (see `Dsn`).

        Raises:
            ConfigError: a parameter is unknown.
        """
        behind, service = self._named
        left = service | behind
        ignored = tuple(name for name in left if known.is_other_clients(name))
        demands = [f"{name}={value}" for name, value in left.items() if known.is_demand(name, value)]
        for variable, name in known.VARIABLES.items():
            value = self._environment.get(variable, "")
            demands += [f"{variable}={value}"] if name not in left and known.is_demand(name, value) else []
        settings = {name: value for name, value in left.items() if name not in ignored}
        for whose, parameters in (("DATABASE_URL", behind), ("the service", service)):
            if wrong := known.unknown(name for name in parameters if name in settings):
                advice = "write a setting of the server as options=-c%20NAME=VALUE"
                raise ConfigError(f"{whose}: {', '.join(wrong)} is not a known parameter; {advice}")
        return settings, ignored, tuple(demands)


def read(url: str, environment: Mapping[str, str], service: Mapping[str, str] | None = None) -> Dsn:
    """Parse a URL. A service file and the environment fill in what the URL leaves out.

    Raises:
        ConfigError: the URL is unusable. The message shows nothing that could be part of a password.
    """
    credentials, place, path, parameters = _parts(url)
    user, _, password = credentials.partition(":")
    given = _Parameters(parameters, service or {}, environment)
    security, is_system_trusted = _security(given)
    names = [given.take(name) for name in ("application_name", "ApplicationName")]
    names += [environment.get("PGAPPNAME", ""), given.take("fallback_application_name")]
    passed = {name: value for name in PASSED if (value := given.take(name))}
    is_service_unread = bool(given.take("service", "PGSERVICE")) and service is None
    given.take("servicefile")
    addresses = _addresses(place, given, is_service_unread=is_service_unread)
    user = given.take("user", "PGUSER", url=plain(user))
    password = given.take("password", "PGPASSWORD", url=plain(password))
    databases = [given.take("dbname", url=plain(path)), given.take("database", "PGDATABASE")]
    session = given.choose("target_session_attrs", "PGTARGETSESSIONATTRS", SESSIONS)
    negotiation = given.choose("sslnegotiation", "PGSSLNEGOTIATION", ("postgres", "direct"))
    options = given.take("options", "PGOPTIONS")
    settings, ignored, demands = given.divide()
    if options:  # in a URL a plus often means a blank; `options` itself never contains a plus
        settings["options"] = options.replace("+", " ") if "options" in parameters else options
    return Dsn(
        addresses=addresses, user=user or None, password=password or None, database=_first(databases),
        security=security, is_system_trusted=is_system_trusted, is_direct=negotiation == "direct",
        session=session, application=_first(names) or "receiver", passed=passed,
        server_settings=settings, ignored=ignored, demands=demands,
    )  # fmt: skip


def service(url: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the name of the service that completes a URL, and the service's file; empty if they are not named.

    Raises:
        ConfigError: the URL is unusable.
    """
    given = _Parameters(_parts(url)[3], {}, environment)
    return given.take("service", "PGSERVICE"), given.take("servicefile", "PGSERVICEFILE")


def where(url: str) -> str:
    """Return the parts of a URL that can be shown: hosts, ports and database; never user, password or parameters."""
    try:
        return read(url, {}).shown(user=False)
    except ConfigError:
        return "the configured database"


def _first(values: list[str]) -> str | None:
    return next(filter(None, values), None)


def _parts(url: str) -> tuple[str, str, str, dict[str, str]]:
    """Return user and password, hosts, path, and the decoded parameters of a URL."""
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
            # The text can be the end of a password.
            raise ConfigError(f"DATABASE_URL: each parameter behind ? must be NAME=VALUE; {ESCAPE}")
        found[name] = plain(value)
    return found


def _is_known(name: str) -> bool:
    own = ("application_name", "host", "options", "password", "service", "servicefile", "user")
    return name in (*PASSED, *own) or known.is_other_clients(name)


def _security(given: _Parameters) -> tuple[str, bool]:
    """Return how TLS is used (`Dsn.security`), and `Dsn.is_system_trusted`."""
    flag = given.take("ssl").lower()  # JDBC and node-postgres use it; libpq too reads "true" as `require`
    mode = given.choose("sslmode", "", MODES)
    mode = mode or {"true": "require", "1": "require", "false": "disable", "0": "disable"}.get(flag, flag)
    if mode and mode not in MODES:
        raise ConfigError(f"DATABASE_URL: ssl must be true, false or one of {', '.join(MODES)}")
    mode = mode or given.choose("sslmode", "PGSSLMODE", MODES) or "prefer"
    is_strict = given.take("sslaccept") == "strict"  # Prisma uses it
    if given.look("sslrootcert", FILES["sslrootcert"])[0] == "system" or is_strict:
        given.take("sslrootcert")
        return ("verify-full", True) if mode not in ("disable", "no-verify") else (mode, False)
    return mode, False


def _addresses(place: str, given: _Parameters, *, is_service_unread: bool) -> tuple[Address, ...]:
    """Return the addresses to connect to, by default this machine; nothing if an unread service file names them.

    There is one port for all hosts, or one for each host.
    """
    own = [hosts.split(text) for text in place.split(",")] if place else []
    own_ports = ",".join(port for _, port in own)
    is_own = bool(own) and not given.is_behind("host")
    host_list = given.take("host", "PGHOST", url=place)
    ports, whose = given.look("port", "PGPORT", url=own_ports.strip(",") and own_ports)
    given.take("port")
    numbers, whose_numbers = _numbers(given)
    if is_service_unread and not host_list and not numbers:
        return ()
    named = [(host, "") for host, _ in own] if is_own else [hosts.named(text) for text in host_list.split(",")]
    if not host_list:
        named *= len(numbers) or 1
    each = zip(named, _each(ports.split(","), named, whose), _each(numbers or [""], named, whose_numbers), strict=True)
    addresses = []
    for (host, own_port), port, number in each:
        names = [host or number] if host or number else [*SOCKETS, "localhost"]
        port_number = hosts.port(own_port or port, whose.removesuffix(": port"))
        addresses += [Address(hosts.checked(name), port_number, number) for name in names]
    return tuple(addresses)


def _each(values: list[str], named: list[tuple[str, str]], whose: str) -> list[str]:
    """Return one value for each host, from one value for all hosts or one for each."""
    if len(values) == 1:
        return values * len(named)
    if len(values) != len(named):
        raise ConfigError(f"{whose}: must be one, or one for each host")
    return values


def _numbers(given: _Parameters) -> tuple[list[str], str]:
    """Return the IP addresses that replace a look-up of the host names, and the name of their source for messages."""
    _, whose = given.look("hostaddr", "PGHOSTADDR")
    text = given.take("hostaddr", "PGHOSTADDR")
    numbers = text.split(",") if text else []
    if not all(number == "" or hosts.is_number(number) for number in numbers):
        raise ConfigError(f"{whose} must be an IP address")
    return numbers, whose


def fingerprint(url: str, environment: Mapping[str, str]) -> str | None:
    """Return the fingerprint of a database's address: its hosts, ports and name. None if the URL cannot be read.

    If a service file gives the hosts, the name of the service is used instead. User and password do not count.
    """
    try:
        found = read(url, environment)
        places = [(address.host, address.port) for address in found.addresses] or service(url, environment)
    except ConfigError:
        return None
    return hashlib.sha256(repr((places, found.database or found.user)).encode()).hexdigest()[:16]
