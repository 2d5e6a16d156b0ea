"""`assistants.stdio`: lines of any input, without waiting in the loop; and an output that nobody reads any more."""

import asyncio
import os
import tempfile

import pytest

from receiver.assistants.stdio import TOO_LONG, Lines, Output


async def lines_of(data: bytes, longest: int = 10) -> list[str]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return [line async for line in Lines(file.fileno(), longest=longest)]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []), (b"one\ntwo\n", ["one", "two"]), (b"one\ntwo", ["one", "two"]), (b"\n\n", ["", ""]),
        (b"x" * 10 + b"\ny\n", ["x" * 10, "y"]), (b"x" * 11 + b"\ny\n", [TOO_LONG, "y"]),
        (b"x" * 200_000 + b"\ny\n", [TOO_LONG, "y"]), (b"x" * 200_000, []), (b"\xff\n", ["\ufffd"]),
    ],
)  # fmt: skip
async def test_a_line_that_is_too_long_spoils_only_itself(data: bytes, found: list[str]) -> None:
    assert await lines_of(data) == found


async def test_a_pipe_is_read_as_it_comes() -> None:
    reader, writer = os.pipe()
    lines = Lines(reader)
    os.write(writer, b"one\ntw")
    assert await anext(lines) == "one"
    os.write(writer, b"o\n")
    assert await anext(lines) == "two"
    os.close(writer)
    with pytest.raises(StopAsyncIteration):
        await anext(lines)
    os.close(reader)


async def test_a_reader_that_has_gone_ends_it_without_an_error() -> None:
    reader, writer = os.pipe()
    gone = asyncio.Event()
    output = Output(writer, gone)
    await output.write("{}\n")
    assert os.read(reader, 10) == b"{}\n"
    os.close(reader)
    await output.write("{}\n")
    await output.flush()
    assert gone.is_set()
    await output.write("{}\n")
    os.close(writer)
