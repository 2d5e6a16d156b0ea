"""The parameters of a `DATABASE_URL` that are known, sorted by their meaning for us. Pure."""

from collections.abc import Iterable, Mapping

# Parameters of other clients: libpq; Prisma and Supabase; JDBC; node-postgres, postgres.js and pgx; SQLAlchemy, Rails
# and Django.
OTHER_CLIENTS = frozenset(
    """
    channel_binding client_encoding connect_timeout gssdelegation gssencmode keepalives keepalives_count
    keepalives_idle keepalives_interval load_balance_hosts max_protocol_version min_protocol_version require_auth
    oauth_client_id oauth_client_secret oauth_issuer oauth_scope replication requirepeer requiressl scram_client_key
    scram_server_key sslcertmode sslcompression sslcrldir sslkeylogfile sslsni tcp_user_timeout tty

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
# Server settings that people write as parameters. Any other server setting must be written in `options`, as for psql.
SERVER_SETTINGS = frozenset(
    """
    bytea_output datestyle deadlock_timeout default_transaction_deferrable default_transaction_isolation
    default_transaction_read_only extra_float_digits geqo idle_in_transaction_session_timeout idle_session_timeout
    intervalstyle jit lock_timeout options plan_cache_mode role row_security search_path statement_timeout
    synchronous_commit timezone transaction_timeout work_mem
    """.split()  # noqa: SIM905 - the same
)
# Parameters that ask for a protection that we do not offer, with the values that ask for it (none listed: every value).
DEMANDS: Mapping[str, tuple[str, ...]] = {
    "channel_binding": ("require",), "gssencmode": ("require",), "require_auth": (), "requirepeer": (),
    "requiressl": ("1",), "sslcertmode": ("require",), "sslcrldir": (),
}  # fmt: skip
VARIABLES = {
    "PGCHANNELBINDING": "channel_binding", "PGGSSENCMODE": "gssencmode", "PGREQUIREAUTH": "require_auth",
    "PGREQUIREPEER": "requirepeer", "PGREQUIRESSL": "requiressl", "PGSSLCERTMODE": "sslcertmode",
    "PGSSLCRLDIR": "sslcrldir",
}  # fmt: skip


def is_other_clients(name: str) -> bool:
    """Return whether a parameter belongs to another client, or to libpq and asyncpg does not use it."""
    return name.lower() in OTHER_CLIENTS or name.lower().startswith("pool_")


def is_demand(name: str, value: str) -> bool:
    """Return whether a parameter asks for a protection that we do not offer."""
    values = DEMANDS.get(name.lower())
    return values is not None and bool(value) and (not values or value in values)


def unknown(names: Iterable[str]) -> list[str]:
    """Return the names that are not settings of the server."""
    return [name for name in names if name.lower() not in SERVER_SETTINGS and "." not in name]
