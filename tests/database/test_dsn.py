"""`database.dsn`: the URLs of hosters and libraries are understood; a mistake is named, and its value is not shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.database import dsn
from receiver.database.dsn import read, service, where
from receiver.database.hosts import SOCKETS, Address
from receiver.errors import ConfigError

PLAIN = "postgresql://u:hunter2@h/d"


@pytest.mark.parametrize(
    ("url", "addresses", "user", "password", "database"),
    [
        ("postgresql://u:p@h/d", [("h", 5432)], "u", "p", "d"),
        ("postgres://u:p@h:5433/d", [("h", 5433)], "u", "p", "d"),
        ("POSTGRES://u@h/d", [("h", 5432)], "u", None, "d"),
        (" postgresql://u@h/d\n", [("h", 5432)], "u", None, "d"),
        ("postgresql://u:p%40%2F%23%3F%C3%A9@h/d%20e", [("h", 5432)], "u", "p@/#?é", "d e"),
        ("postgresql://u:p@ss@h/d", [("h", 5432)], "u", "p@ss", "d"),
        ("postgresql://u:a:b@h/d", [("h", 5432)], "u", "a:b", "d"),
        ("postgresql://u@[::1]:5433/d", [("::1", 5433)], "u", None, "d"),
        ("postgresql://u@a:1,b,[::1]/d", [("a", 1), ("b", 5432), ("::1", 5432)], "u", None, "d"),
        ("postgresql://u@a,b/d?port=7", [("a", 7), ("b", 7)], "u", None, "d"),
        ("postgresql:///d?host=a,b&port=7,8&user=u&password=p%2Bq+r", [("a", 7), ("b", 8)], "u", "p+q+r", "d"),
        ("postgresql://u@/d?host=/run/pg:x", [("/run/pg:x", 5432)], "u", None, "d"),
        ("postgresql://u@/d?host=/run/a%20b+c", [("/run/a b+c", 5432)], "u", None, "d"),
        ("postgresql://u@%2Frun%2Fpg:6/d", [("/run/pg", 6)], "u", None, "d"),
        ("postgresql://u@/d?host=::1", [("::1", 5432)], "u", None, "d"),
        ("postgresql://u@h?dbname=d", [("h", 5432)], "u", None, "d"),
        # As in libpq what stands behind the ? wins over what stands before it.
        ("postgresql://x:y@h:7/z?dbname=d&user=u&password=p", [("h", 7)], "u", "p", "d"),
        ("postgresql://u:p@127.0.0.1:1/d?host=/cloudsql/x&port=6", [("/cloudsql/x", 6)], "u", "p", "d"),
        ("postgresql://u:p@localhost:6/d?host=/cloudsql/x", [("/cloudsql/x", 6)], "u", "p", "d"),
        ("postgresql://u@h:1/d?port=6", [("h", 6)], "u", None, "d"),
        ("postgresql://u@a:1/d?host=b,c&port=6,7", [("b", 6), ("c", 7)], "u", None, "d"),
        ("postgresql://u@:6/d", [*((folder, 6) for folder in SOCKETS), ("localhost", 6)], "u", None, "d"),
    ],
)
def test_who_and_where_are_read(
    url: str, addresses: list[tuple[str, int]], user: str, password: str | None, database: str
) -> None:
    found = read(url, {})
    assert [(one.host, one.port) for one in found.addresses] == addresses
    assert (found.user, found.password, found.database) == (user, password, database)


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=require&channel_binding=require",  # Neon
        "pgbouncer=true&connection_limit=1&pool_timeout=10&schema=public&sslaccept=accept_invalid_certs",  # Prisma
        "workaround=supabase-pooler.vercel&supa=base-pooler.x",
        "connect_timeout=10&keepalives=1&keepalives_idle=30&tcp_user_timeout=5&gssencmode=disable&sslcompression=0",
        "ssl=true&prepareThreshold=0&currentSchema=x&ApplicationName=y&targetServerType=primary",  # JDBC
        "sslmode=no-verify&uselibpqcompat=true",  # node-postgres
        "pool_max_conns=4&default_query_exec_mode=simple_protocol",  # pgx
        "conn_max_age=60&pool=5&prepared_statements=false&encoding=unicode",
        "oauth_issuer=x&scram_client_key=x&replication=false&tty=&servicefile=/x",
        "application_name=x&fallback_application_name=y&client_encoding=utf8",
    ],
)
def test_what_is_another_clients_does_not_reach_the_server(query: str) -> None:
    assert read(f"{PLAIN}?{query}", {}).server_settings == {}


def test_what_is_the_servers_reaches_it() -> None:
    found = read(f"{PLAIN}?options=-c+jit%3Doff&statement_timeout=5s&TimeZone=UTC&app.tenant=7&connect_timeout=1", {})
    assert found.server_settings == {
        "options": "-c jit=off", "statement_timeout": "5s", "TimeZone": "UTC", "app.tenant": "7",
    }  # fmt: skip
    assert found.ignored == ("connect_timeout",)


def test_what_asyncpg_knows_is_passed_on() -> None:
    query = "sslcert=/c&sslkey=/k&sslrootcert=/r&krbsrvname=k&passfile=/p&ssl_min_protocol_version=TLSv1.3"
    found = read(f"{PLAIN}?{query}&sslnegotiation=direct&target_session_attrs=read-write", {})
    assert dict(pair.split("=") for pair in query.split("&")) == found.passed
    assert (found.is_direct, found.session) == (True, "read-write")


@pytest.mark.parametrize(
    ("query", "environment", "security", "is_system_trusted"),
    [
        ("", {}, "prefer", False),
        ("sslmode=verify-ca", {"PGSSLMODE": "disable"}, "verify-ca", False),
        ("", {"PGSSLMODE": "require"}, "require", False),
        ("ssl=true", {"PGSSLMODE": "disable"}, "require", False),
        ("ssl=1", {}, "require", False),
        ("ssl=false", {"PGSSLMODE": "require"}, "disable", False),
        ("ssl=no-verify", {}, "no-verify", False),
        ("sslmode=no-verify", {}, "no-verify", False),
        ("sslrootcert=system", {}, "verify-full", True),
        ("sslmode=require&sslrootcert=system", {}, "verify-full", True),
        ("sslmode=require&sslaccept=strict", {}, "verify-full", True),
        ("", {"PGSSLROOTCERT": "system"}, "verify-full", True),
        ("sslmode=disable&sslrootcert=system", {}, "disable", False),
    ],
)
def test_the_use_of_tls_is_read_in_everybodys_words(
    query: str, environment: dict[str, str], security: str, *, is_system_trusted: bool
) -> None:
    found = read(f"{PLAIN}?{query}", environment)
    assert (found.security, found.is_system_trusted) == (security, is_system_trusted)
    assert not is_system_trusted or "sslrootcert" not in found.passed


def test_variables_fill_in_what_the_url_leaves_out() -> None:
    environment = {
        "PGHOST": "a,b", "PGPORT": "7", "PGUSER": "u", "PGPASSWORD": "p", "PGDATABASE": "d",
        "PGTARGETSESSIONATTRS": "primary", "PGSSLNEGOTIATION": "direct",
    }  # fmt: skip
    bare = read("postgresql://", environment)
    assert (bare.addresses, bare.user, bare.password) == ((Address("a", 7), Address("b", 7)), "u", "p")
    assert (bare.database, bare.session, bare.is_direct) == ("d", "primary", True)
    whole = read("postgresql://x:y@h:1/z?target_session_attrs=any&sslnegotiation=postgres", environment)
    assert (whole.addresses, whole.user, whole.password) == ((Address("h", 1),), "x", "y")
    assert (whole.database, whole.session, whole.is_direct) == ("z", "any", False)


@pytest.mark.parametrize(
    ("url", "environment", "addresses"),
    [
        ("postgresql://h:6/d?hostaddr=10.0.0.1", {}, [Address("h", 6, "10.0.0.1")]),
        ("postgresql://h/d", {"PGHOSTADDR": "10.0.0.1"}, [Address("h", 5432, "10.0.0.1")]),
        ("postgresql:///d?hostaddr=::1", {}, [Address("::1", 5432, "::1")]),
        ("postgresql:///d?hostaddr=::1,::2", {}, [Address("::1", 5432, "::1"), Address("::2", 5432, "::2")]),
        ("postgresql://a,b/d?hostaddr=10.0.0.1,", {}, [Address("a", 5432, "10.0.0.1"), Address("b", 5432)]),
        ("postgresql://h/d?hostaddr=", {"PGHOSTADDR": "10.0.0.1"}, [Address("h", 5432)]),
    ],
)  # fmt: skip
def test_an_address_says_where_to_connect_and_the_host_whom_to_expect_there(
    url: str, environment: dict[str, str], addresses: list[Address]
) -> None:
    assert list(read(url, environment).addresses) == addresses


def test_variables_say_what_is_sent_to_the_server_unless_the_url_does_with_a_word_or_with_none() -> None:
    environment = {"PGOPTIONS": "-c jit=off", "PGAPPNAME": "mine"}
    found = read(PLAIN, environment)
    assert (found.application, found.server_settings) == ("mine", {"options": "-c jit=off"})
    found = read(f"{PLAIN}?application_name=x&options=", environment)
    assert (found.application, found.server_settings) == ("x", {})


def test_a_service_comes_after_the_url_and_before_the_variables() -> None:
    said = {"host": "b", "port": "6", "dbname": "e", "user": "s", "sslmode": "require", "options": "-c jit=off"}
    found = read("postgresql:///d?service=x", {"PGUSER": "v", "PGHOST": "v", "PGPASSWORD": "p"}, said)
    assert (found.addresses, found.user, found.password, found.database) == ((Address("b", 6),), "s", "p", "d")
    assert (found.security, found.server_settings) == ("require", {"options": "-c jit=off"})
    assert service("postgresql://h/d?service=x", {"PGSERVICE": "y", "PGSERVICEFILE": "/z"}) == ("x", "/z")
    assert service("postgresql://h/d?service=", {"PGSERVICE": "y"})[0] == ""
    assert where("postgresql:///d?service=x") == "the service's host/d"
    assert read("postgresql:///d?service=x", {}, {}).addresses == read("postgresql:///d", {}).addresses
    with pytest.raises(ConfigError, match=r"^the service: conect_timeout is not a known parameter"):
        read(PLAIN, {}, {"conect_timeout": "1"})


@pytest.mark.parametrize(
    ("query", "environment", "demands"),
    [
        ("channel_binding=require&require_auth=x", {}, ("channel_binding=require", "require_auth=x")),
        ("channel_binding=prefer&gssencmode=disable&requiressl=0&require_auth=", {}, ()),
        ("", {"PGCHANNELBINDING": "require", "PGGSSENCMODE": "prefer"}, ("PGCHANNELBINDING=require",)),
        ("channel_binding=disable", {"PGCHANNELBINDING": "require"}, ()),
    ],
)  # fmt: skip
def test_what_asks_for_safety_that_we_do_not_give_is_known(
    query: str, environment: dict[str, str], demands: tuple[str, ...]
) -> None:
    assert read(f"{PLAIN}?{query}", environment).demands == demands


@pytest.mark.parametrize(
    ("url", "environment", "said"),
    [
        (f"{PLAIN}?conect_timeout=3&x=1", {}, "DATABASE_URL: conect_timeout, x is not a known parameter;"),
        (f"{PLAIN}?sslmode=on", {}, "DATABASE_URL: sslmode must be one of disable, allow"),
        (f"{PLAIN}?ssl=maybe", {}, "DATABASE_URL: ssl must be true"),
        (f"{PLAIN}?target_session_attrs=master", {}, "DATABASE_URL: target_session_attrs must be one of any"),
        (PLAIN, {"PGSSLMODE": "on"}, "^PGSSLMODE must be one of"),
        (PLAIN, {"PGTARGETSESSIONATTRS": "x"}, "^PGTARGETSESSIONATTRS must be one of"),
        (PLAIN, {"PGSSLNEGOTIATION": "x"}, "^PGSSLNEGOTIATION must be one of"),
        ("postgresql://a,b/d?port=1,2,3", {}, "^DATABASE_URL: port: must be one, or one for each host"),
        ("postgresql://a/d", {"PGPORT": "1,2"}, "^PGPORT: must be one, or one for each host"),
        ("postgresql://a,b/d?hostaddr=::1,::1,::1", {}, "^DATABASE_URL: hostaddr: must be one, or one"),
        ("postgresql://h/d?hostaddr=name", {}, "^DATABASE_URL: hostaddr must be an IP address"),
        ("postgresql://h/d", {"PGHOSTADDR": "name"}, "^PGHOSTADDR must be an IP address"),
        ("postgresql://h/d", {"PGPORT": "hunter2"}, "^PGPORT: the port must be a number from 1 to 65535$"),
        ("postgresql://u@[::1/d", {}, "in brackets must be an IPv6 address"),
        ("postgresql://u@[::1]5432/d", {}, "in brackets must be an IPv6 address"),
        ("postgresql://u@[h]:5432/d", {}, "in brackets must be an IPv6 address"),
        ("postgresql://u@<hunter2>/d", {}, "the host has a character that host names cannot have"),
        ("mysql://u:hunter2@h/d", {}, "must start with postgresql://"),
        ("postgresql:u:hunter2@h/d", {}, "must start with postgresql://"),
        ("postgresql://u:hunter2@h:port/d", {}, "the port must be a number"),
        ("postgresql://u:hunter2@h:70000/d", {}, "the port must be a number"),
        ("postgresql:///d?port=hunter2", {}, "the port must be a number"),
        ("postgresql://u:%ff@h/d", {}, "are not text"),
        ("postgresql://u:hunter2%00@h/d", {}, "are not text"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_what_is_wrong(url: str, environment: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        read(url, environment)
    assert "hunter2" not in str(refused.value)


@given(st.text(st.sampled_from("/#?[]:@&=%20 "), min_size=1), st.text(st.sampled_from("/#?[]:@&=%20 ")))
def test_a_password_that_was_not_escaped_is_never_shown(before: str, after: str) -> None:
    """Not as a host, a database or the name of a parameter either."""
    url = f"postgresql://me:{before}hunter2{after}@h/d"
    shown = [where(url)]
    try:
        found = read(url, {})
        shown += [found.shown(), repr(found)]
    except ConfigError as exc:
        shown.append(str(exc))
    assert "hunter2" not in " ".join(shown)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hunter2@db.example:5433/name?sslmode=require&password=hunter2", "db.example:5433/name"),
        ("postgresql://me:hunter2@db.example/name", "db.example:5432/name"),
        ("postgresql://me@/name?host=/run/postgresql", "a local socket/name"),
        ("postgresql://me:hunter2@[::1]:5433/name", "[::1]:5433/name"),
        ("postgresql://me:hunter2@one,two:5433/name", "one:5432,two:5433/name"),
        ("postgresql://me:12/hunter2@h/x", "the configured database"),
        ("postgresql://me:hun#ter2@h/x", "the configured database"),
        ("postgresql://h:port/x", "the configured database"),
    ],
)
def test_where_shows_no_user_no_password_and_no_parameter(url: str, shown: str) -> None:
    assert where(url) == shown


def test_the_user_is_shown_to_who_asks_for_it() -> None:
    assert read("postgresql://me:hunter2@h/d", {}).shown() == "me@h:5432/d"


def test_an_address_is_hosts_ports_and_name() -> None:
    same = ["u:one@a.test/d", "v:two@a.test:5432/d?password=three&sslmode=require", "/d?host=a.test&user=w"]
    assert len({dsn.fingerprint(f"postgresql://{rest}", {}) for rest in same}) == 1
    other = ["a.test:5433/d", "b.test/d", "a.test/e", "a.test,b.test/d", "/d?host=/run/a", "/d?host=/run/b", "/d"]
    assert len({dsn.fingerprint(f"postgresql://u@{rest}", {}) for rest in (*other, "a.test/d")}) == len(other) + 1
    silent = dsn.fingerprint("postgresql:///d", {})
    assert dsn.fingerprint("postgresql:///d", {"PGHOST": "c.test"}) not in (None, silent)


def test_where_a_service_says_the_host_its_name_is_the_address() -> None:
    one, same, other = (f"postgresql://{user}@/d?service={name}" for user, name in (("u", "a"), ("v", "a"), ("u", "b")))
    assert dsn.fingerprint(one, {}) == dsn.fingerprint(same, {}) != dsn.fingerprint(other, {})
