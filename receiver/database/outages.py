"""Sort errors: an outage, the failure of one statement, a setting that can never work, or a bug of ours.

Only a connection or a server is "away". The failure of a statement concerns this statement alone, and a retry might
help. An error about a connection repeats the server's own words, because only the server knows the reason.
"""

import errno
import os
import re
import socket
import ssl
from dataclasses import dataclass

import asyncpg

from receiver.database.dsn import Dsn
from receiver.database.hosts import ESCAPE, Address
from receiver.errors import (
    ReceiverError,
    StoreBusyError,
    StoreMisconfiguredError,
    StoreRefusedError,
    StoreUnavailableError,
)

# Errors that end the connection, and not only the statement: worth one more try on a new connection.
# asyncpg raises InternalClientError if the server's last message and the connection's end arrive separately.
BROKEN = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError,
          asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.CannotConnectNowError,
          asyncpg.DatabaseDroppedError, asyncpg.IdleSessionTimeoutError,
          asyncpg.IdleInTransactionSessionTimeoutError, OSError, EOFError)  # fmt: skip
# Errors of a database that is away, full, read-only or restarting: neither our fault nor the sender's.
AWAY = (*BROKEN, asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError, asyncpg.ReadOnlySQLTransactionError,
        asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError, StoreUnavailableError,
        TimeoutError)  # fmt: skip
# Every error of work on a database that is not a bug of ours: the database is away, or refuses the work.
TROUBLE = (*AWAY, asyncpg.PostgresError)
# Another transaction conflicted; the same statement can succeed now.
CONFLICT = asyncpg.TransactionRollbackError
PASSING = (CONFLICT, asyncpg.LockNotAvailableError, asyncpg.ObjectInUseError, asyncpg.QueryCanceledError)
# Errors of a statement whose connection is open. A connection that cannot be made raises a `ReceiverError` instead.
STATEMENT = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionError, TimeoutError)

# Every error of connecting that is not a bug of ours. A ValueError is about certificates, which asyncpg reads while it
# connects. A RuntimeError means that no thread could be started for a name look-up.
CONNECTING = (OSError, EOFError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ValueError,
              RuntimeError)  # fmt: skip
# PgBouncer's words about a wrong request. Its other messages with the same SQLSTATE mean that a server is away.
POOLERS = re.compile(r"unsupported|no such (database|user)|SSL required|login rejected|authentication failed")
# X.509: a certificate, or a list of revoked ones, is not valid yet or expired. That passes when its owner renews it.
LAPSED = (9, 10, 11, 12)
OF_TRANSACTION_MODE = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
NO_ROOM = (errno.EMFILE, errno.ENFILE)
TO_USE = (
    "it needs `grant usage on schema receiver`, and `grant select, insert, update, delete on all tables in schema "
    "receiver`; or use the role that migrated"
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why no connection was made.

    Attributes:
        message: a sentence for a person, with what to do.
        is_final: whether no connection can ever be made with this configuration. Otherwise it is an outage and passes.
        no_room: whether there was no place for one more connection.
    """

    message: str
    is_final: bool = False
    no_room: bool = False


def of_connecting(error: BaseException, asked: Dsn, address: Address) -> Reason:
    """Return why no connection to a server was made. The reason shows user, host and database, never the password.

    If TLS is optional, asyncpg tries with TLS and without. Then the reason has both errors, because the first can be
    the important one.
    """
    reason = _of_one_try(error, asked, address)
    first = error.__cause__
    if asked.security not in ("allow", "prefer") or not isinstance(first, asyncpg.PostgresError | OSError):
        return reason
    before = _of_one_try(first, asked, address)
    first_way, second_way = ("with TLS", "without") if asked.security == "prefer" else ("without TLS", "with it")
    message = f"{first_way}: {before.message}; {second_way}: {reason.message}"
    return Reason(message, is_final=before.is_final and reason.is_final, no_room=before.no_room or reason.no_room)


def _of_one_try(error: BaseException, asked: Dsn, address: Address) -> Reason:
    who = asked.shown(address)
    words = _words(error, asked) or type(error).__name__
    match error:
        case asyncpg.PostgresError():
            return _of_a_server(error, who, words)
        case OSError():
            return _of_a_system(error, who, words, asked)
        case asyncpg.TargetServerAttributeNotMatched():
            return Reason(f"{who} is not the kind of server that target_session_attrs={asked.session} asks for")
        case RuntimeError():
            return Reason(f"{who} cannot be connected to now: {words}", no_room=True)
        case asyncpg.InterfaceError() | ValueError():
            return Reason(f"{who} cannot be connected to as it is configured: {words}", is_final=True)
    return Reason(f"{who} closed the connection ({words}): is it starting or ending?")


def _of_a_server(error: asyncpg.PostgresError, who: str, words: str) -> Reason:
    match error:
        case asyncpg.InvalidAuthorizationSpecificationError():
            todo = "check user and password in DATABASE_URL, and pg_hba.conf"
        case asyncpg.InvalidCatalogNameError():
            todo = "check the database's name in DATABASE_URL"
        case asyncpg.InsufficientPrivilegeError() if "parameter" in words:
            todo = "a role with the right to set it must reset it for this role and database: `alter role … reset …`"
        case asyncpg.InsufficientPrivilegeError():
            todo = "the role needs `grant connect on database`"
        case asyncpg.ProtocolViolationError() if "unsupported" in words:
            todo = (
                "remove it from DATABASE_URL, name it in the pooler's ignore_startup_parameters, or bypass the pooler"
            )
        case asyncpg.ProtocolViolationError() if POOLERS.search(words):
            todo = "check user, password, database and sslmode in DATABASE_URL, and the pooler's own lists"
        case _ if isinstance(error, OF_TRANSACTION_MODE):
            todo = "a pooler in transaction mode is in between, which loses locks and LISTEN: use the direct URL"
        case asyncpg.SyntaxOrAccessError() | asyncpg.DataError():
            todo = "check the parameters of DATABASE_URL"
        case _:
            no_room = isinstance(error, asyncpg.TooManyConnectionsError)
            return Reason(f"{who} accepts no connection now: {words}", no_room=no_room)
    return Reason(f"{who} refuses us: {words}: {todo}", is_final=True)


def _of_a_system(error: OSError, who: str, words: str, asked: Dsn) -> Reason:
    is_final = no_room = False
    words = error.strerror or words
    match error:
        case TimeoutError():
            message = f"{who} does not answer in time: is it running, is the network open?"
        case socket.gaierror():
            no_room = error.errno == socket.EAI_SYSTEM
            message = f"the host of {who} is not known ({words}): is it right? {ESCAPE}"
        case ssl.SSLCertVerificationError():
            is_final = error.verify_code not in LAPSED
            message = (
                f"the certificate of {who} is not trusted ({words}): check sslmode, sslrootcert and the host's name"
            )
        case ssl.SSLError():
            message = f"TLS with {who} fails ({words}): check sslmode, sslrootcert and the certificates"
        case ConnectionRefusedError() | FileNotFoundError():
            message = f"{who} does not answer ({os.strerror(error.errno or 0).lower()}): is PostgreSQL running there?"
        case _ if error.errno in NO_ROOM:
            no_room = True
            message = f"{who} cannot be connected to: {words.lower()}; raise `ulimit -n`"
        case _ if "rejected SSL upgrade" in words and asked.security in ("allow", "prefer"):
            is_final = True  # if a PostgreSQL server had no TLS, asyncpg would have continued without
            message = f"the server at {who} is not a PostgreSQL server: check host and port"
        case _ if "rejected SSL upgrade" in words:
            is_final = True
            message = f"{who} does not support TLS, but sslmode={asked.security} requires it"
        case _:
            message = f"{who} does not answer ({words})"
    return Reason(message, is_final=is_final, no_room=no_room)


def _words(error: BaseException, asked: Dsn) -> str:
    """Return the first line of an error, without the password. The other lines can show rows of any table."""
    line = next(iter(str(error.args[0] if error.args else error).splitlines()), "")
    if asked.password and asked.password not in (asked.user, asked.database):
        line = re.sub(rf"(?<!\w){re.escape(asked.password)}(?!\w)", "***", line)
    return line


def of_work(error: BaseException) -> StoreUnavailableError:
    """Return the error to raise for work that failed on an open connection."""
    if isinstance(error, StoreRefusedError | StoreBusyError):  # already complete, and no outage
        return error
    if isinstance(error, StoreMisconfiguredError):
        return StoreMisconfiguredError(f"the database is away: {error}")
    if isinstance(error, StoreUnavailableError):  # no connection was made
        return StoreUnavailableError(f"the database is away: {error}", no_room=error.no_room)
    words = _line(error)
    if isinstance(error, AWAY) or _is_recovering(error):
        return StoreUnavailableError(f"the database is away: {words}")
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        words = f"the role lacks a right ({words}): {TO_USE}"
    return StoreRefusedError(f"the database refuses it: {words}", passing=isinstance(error, PASSING))


def for_people(error: Exception) -> Exception | None:
    """Return the error that a person should read for an error of any of our work; None if it is a bug of ours."""
    if isinstance(error, STATEMENT):
        return of_work(error)
    if isinstance(error, ReceiverError | OSError):  # any other error of the system is of a disk
        return error
    return None


def _line(error: BaseException) -> str:
    """Return an error in one line, in the server's or the system's words."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    if isinstance(error, TimeoutError):
        return "no answer in time"
    has_words = isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError) and error.args
    line = next(iter(str(error.args[0]).splitlines()), "") if has_words else ""
    return line or type(error).__name__


def _is_recovering(error: BaseException) -> bool:
    return isinstance(error, asyncpg.ObjectNotInPrerequisiteStateError) and "recovery" in str(error)
