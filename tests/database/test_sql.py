"""The statements in `sql/`: every one is prepared on the migrated schema and held against its own header."""

import re
import tokenize
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from receiver import database
from receiver.database import Connection, migrations
from receiver.database.session import SQL
from receiver.testing import TEMPLATE, Server
from tests.processes import REPOSITORY

QUERIES = sorted((SQL / "queries").rglob("*.sql"))
PARAMETER = re.compile(r"\$(\d+) (\w+) ([\w. \[\]]+?)(?:, |$)")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(receiver_server: Server) -> AsyncIterator[Connection]:
    """Yield a connection to one database for all statements: to be prepared changes nothing."""
    found = await database.connect(receiver_server.create("receiver_sql", "--template", TEMPLATE))
    yield found
    await found.close()
    receiver_server.drop("receiver_sql")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
async def test_statement_is_what_its_header_says(path: Path, connection: Connection) -> None:
    sentence, *rest = path.read_text().splitlines()
    declared = PARAMETER.findall(rest[0]) if rest[0].startswith("-- $1") else []
    prepared = await connection.prepare(path.read_text())
    types = [_common(parameter.name) for parameter in prepared.get_parameters()]
    assert re.fullmatch(r"-- [A-Z].*\.", sentence)
    assert [int(number) for number, _, _ in declared] == list(range(1, len(types) + 1))
    assert [kind for _, _, kind in declared] == types


def _common(name: str) -> str:
    """Return PostgreSQL's inner name of a type as people write it."""
    array = name.startswith("_") or name.endswith("[]")
    inner = name.removesuffix("[]").lstrip("_")
    known = {
        "int4": "integer", "int8": "bigint", "float8": "double precision", "bool": "boolean",
        "job_state": "receiver.job_state",
    }  # fmt: skip
    return known.get(inner, inner) + ("[]" if array else "")


def test_every_statement_is_used_and_every_use_exists() -> None:
    code = [p.read_text() for folder in ("receiver", "handlers") for p in (REPOSITORY / folder).rglob("*.py")]
    used = {name for text in code for name in re.findall(r'query\(\s*"([\w/]+)"', text)}
    assert used == {f"{path.parent.name}/{path.stem}" for path in QUERIES}


def test_no_sql_stands_in_python() -> None:
    statement = re.compile(
        r"\s*(select\s|insert\s+into|update\s+\S+\s+set|delete\s+from|(create|drop|alter)\s+(table|database|schema|role)"
        r"|with\s+\w+\s+as|set\s+(local|session)|lock\s+table|listen\s+\w+$|notify\s+\w+$)",
        re.IGNORECASE,
    )
    for folder in ("receiver", "handlers"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            with path.open("rb") as source:
                texts = [token.string.lstrip("rfbRFB\"'") for token in tokenize.tokenize(source.readline)]
            assert not [text for text in texts if statement.match(text)], path


def test_migrations_are_numbered_without_gaps() -> None:
    assert [version for version, _ in migrations.files()] == list(range(len(migrations.files())))
