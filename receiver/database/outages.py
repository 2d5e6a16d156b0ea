"""What a database's errors mean: which are an outage, which one statement's own, and which a setting that never works.

"Away" is said of connections and servers only. What a statement meets is that statement's own: others are none of its
trouble, and it may pass by itself or not. Why no connection is made is told in the server's own words, because nobody
else knows.
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
from receiver.errors import StoreMisconfiguredError, StoreRefusedError, StoreUnavailableError

# What ends with the connection, not with the statement: worth one more try on a new one.
# asyncpg's own InternalClientError is what it raises when the server's last word and the end arrive apart.
BROKEN = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError,
          asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.CannotConnectNowError,
          asyncpg.DatabaseDroppedError, asyncpg.IdleSessionTimeoutError,
          asyncpg.IdleInTransactionSessionTimeoutError, OSError, EOFError)  # fmt: skip
# What a database does that is away, full, read-only or restarting: not our fault and not the sender's.
AWAY = (*BROKEN, asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError, asyncpg.ReadOnlySQLTransactionError,
        asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError, StoreUnavailableError,
        TimeoutError)  # fmt: skip
# Whatever work on a database ends with that is no bug of ours: it is away, or refuses this.
TROUBLE = (*AWAY, asyncpg.PostgresError)
# Another transaction was in the way; the same statement may well go through at once.
CONFLICT = asyncpg.TransactionRollbackError
PASSING = (CONFLICT, asyncpg.LockNotAvailableError, asyncpg.ObjectInUseError, asyncpg.QueryCanceledError)

# What connecting may raise that is no bug of ours; a ValueError comes of certificates, which asyncpg reads there, and a
# RuntimeError where no thread can be begun to look a name up.
CONNECTING = (OSError, EOFError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ValueError,
              RuntimeError)  # fmt: skip
# What PgBouncer says of what is asked for; its other words with the same SQLSTATE are about a server that is away.
POOLERS = re.compile(r"unsupported|no such (database|user)|SSL required|login rejected|authentication failed")
# Of X.509: not valid yet or no more, a certificate or a list of revoked ones. Whose it is renews it.
LAPSED = (9, 10, 11, 12)
OF_TRANSACTION_MODE = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
NO_ROOM = (errno.EMFILE, errno.ENFILE)
TO_USE = (
    "it needs `grant usage on schema receiver`, and `grant select, insert, update, delete on all tables in schema "
    "receiver`; or be the role that migrated"
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why no connection was made.

    Attributes:
        said: in a sentence, with what to do.
        is_final: whether it can never be made as it is configured; else it is an outage, and passes.
        no_room: whether there was no room for one more.
    """

    said: str
    is_final: bool = False
    no_room: bool = False


def of_connecting(error: BaseException, asked: Dsn, address: Address) -> Reason:
    """Return why a server could not be connected to; shows user, host and database, and never the password.

    Where TLS may be left out asyncpg tries both ways, and the first may have been the one that was meant.
    """
    reason = _of_one_try(error, asked, address)
    first = error.__cause__
    if asked.security not in ("allow", "prefer") or not isinstance(first, asyncpg.PostgresError | OSError):
        return reason
    before = _of_one_try(first, asked, address)
    one, other = ("with TLS", "without") if asked.security == "prefer" else ("without TLS", "with it")
    said = f"{one}: {before.said}; {other}: {reason.said}"
    return Reason(said, is_final=before.is_final and reason.is_final, no_room=before.no_room or reason.no_room)


def _of_one_try(error: BaseException, asked: Dsn, address: Address) -> Reason:
    who = asked.shown(address)
    words = _words(error, asked) or type(error).__name__
    match error:
        case asyncpg.PostgresError():
            return _of_a_server(error, who, words)
        case OSError():
            return _of_a_system(error, who, words, asked)
        case asyncpg.TargetServerAttributeNotMatched():
            return Reason(f"{who} is no server of the kind that target_session_attrs={asked.session} asks for")
        case RuntimeError():
            return Reason(f"{who} cannot be connected to now: {words}", no_room=True)
        case asyncpg.InterfaceError() | ValueError():
            return Reason(f"{who} cannot be connected to as it is configured: {words}", is_final=True)
    return Reason(f"{who} broke off ({words}): is it starting or ending?")


def _of_a_server(error: asyncpg.PostgresError, who: str, words: str) -> Reason:
    match error:
        case asyncpg.InvalidAuthorizationSpecificationError():
            todo = "see to user and password in DATABASE_URL, and to pg_hba.conf"
        case asyncpg.InvalidCatalogNameError():
            todo = "see to the database's name in DATABASE_URL"
        case asyncpg.InsufficientPrivilegeError() if "parameter" in words:
            todo = "whoever may set it must reset it for this role and database: `alter role … reset …`"
        case asyncpg.InsufficientPrivilegeError():
            todo = "the role needs `grant connect on database`"
        case asyncpg.ProtocolViolationError() if "unsupported" in words:
            todo = (
                "take it out of DATABASE_URL, name it in the pooler's ignore_startup_parameters, or go past the pooler"
            )
        case asyncpg.ProtocolViolationError() if POOLERS.search(words):
            todo = "see to user, password, database and sslmode in DATABASE_URL, and to the pooler's own lists"
        case _ if isinstance(error, OF_TRANSACTION_MODE):
            todo = "a pooler in transaction mode stands in between, which loses locks and LISTEN: use the direct URL"
        case asyncpg.SyntaxOrAccessError() | asyncpg.DataError():
            todo = "see to the parameters of DATABASE_URL"
        case _:
            no_room = isinstance(error, asyncpg.TooManyConnectionsError)
            return Reason(f"{who} takes no connection now: {words}", no_room=no_room)
    return Reason(f"{who} refuses us: {words}: {todo}", is_final=True)


def _of_a_system(error: OSError, who: str, words: str, asked: Dsn) -> Reason:
    is_final = no_room = False
    words = error.strerror or words
    match error:
        case TimeoutError():
            said = f"{who} does not answer in time: does it run, is the network open?"
        case socket.gaierror():
            no_room = error.errno == socket.EAI_SYSTEM
            said = f"the host of {who} is not known ({words}): is it right? {ESCAPE}"
        case ssl.SSLCertVerificationError():
            is_final = error.verify_code not in LAPSED
            said = (
                f"the certificate of {who} is not believed ({words}): see to sslmode, sslrootcert and the host's name"
            )
        case ssl.SSLError():
            said = f"TLS with {who} fails ({words}): see to sslmode, sslrootcert and the certificates"
        case ConnectionRefusedError() | FileNotFoundError():
            said = f"{who} does not answer ({os.strerror(error.errno or 0).lower()}): does PostgreSQL run there?"
        case _ if error.errno in NO_ROOM:
            no_room = True
            said = f"{who} cannot be connected to: {words.lower()}; raise `ulimit -n`"
        case _ if "rejected SSL upgrade" in words and asked.security in ("allow", "prefer"):
            is_final = True  # asyncpg goes on without TLS where a server says that it has none
            said = f"what answers at {who} speaks no PostgreSQL: see to host and port"
        case _ if "rejected SSL upgrade" in words:
            is_final = True
            said = f"{who} takes no TLS, and sslmode={asked.security} asks for it"
        case _:
            said = f"{who} does not answer ({words})"
    return Reason(said, is_final=is_final, no_room=no_room)


def _words(error: BaseException, asked: Dsn) -> str:
    """Return the first line of what was said, without the password: details may show anybody's rows."""
    line = next(iter(str(error.args[0] if error.args else error).splitlines()), "")
    if asked.password and asked.password not in (asked.user, asked.database):
        line = re.sub(rf"(?<!\w){re.escape(asked.password)}(?!\w)", "***", line)
    return line


def of_work(error: BaseException) -> StoreUnavailableError:
    """Return what an error that work on an open connection met means for the work."""
    if isinstance(error, StoreRefusedError):  # it says all itself
        return error
    if isinstance(error, StoreMisconfiguredError):
        return StoreMisconfiguredError(f"the database is away: {error}")
    if isinstance(error, StoreUnavailableError):  # no connection was made
        return StoreUnavailableError(f"the database is away: {error}", no_room=error.no_room)
    said = _said(error)
    if isinstance(error, AWAY) or _is_recovering(error):
        return StoreUnavailableError(f"the database is away: {said}")
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        said = f"the role lacks a right ({said}): {TO_USE}"
    return StoreRefusedError(f"the database refuses it: {said}", passing=isinstance(error, PASSING))


def _said(error: BaseException) -> str:
    """Return one line of what was said, in the server's or the system's words."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    if isinstance(error, TimeoutError):
        return "no answer in time"
    is_told = isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError) and error.args
    line = next(iter(str(error.args[0]).splitlines()), "") if is_told else ""
    return line or type(error).__name__


def _is_recovering(error: BaseException) -> bool:
    return isinstance(error, asyncpg.ObjectNotInPrerequisiteStateError) and "recovery" in str(error)
