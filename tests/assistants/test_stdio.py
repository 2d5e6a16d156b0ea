"""`assistants.stdio`: lines of any input, without waiting in the loop; and an output that nobody reads any more."""

import asyncio
import os
import tempfile
import threading

import pytest

from receiver.assistants.stdio import TOO_LONG, Asked, Lines, Output


async def lines_of(data: bytes, longest: int = 10) -> list[str]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return [line async for line in Lines(file.fileno(), Asked(), longest=longest)]


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
    lines = Lines(reader, Asked())
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
    output = Output(writer, gone, Asked())
    await output.write("{}\n")
    assert os.read(reader, 10) == b"{}\n"
    os.close(reader)
    await output.write("{}\n")
    await output.flush()
    assert gone.is_set()
    await output.write("{}\n")
    os.close(writer)


# --- the end of the input --------------------------------------------------------------------------------------------

QUESTION = '{"jsonrpc": "2.0", "id": 7, "method": "tools/call"}\n'
CANCELLING = '{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": %s}}\n'
ANSWER = '{"jsonrpc": "2.0", "id": 7, "result": {}}\n'


def line_of(text: str, asked: Asked, seconds: float = 60) -> Lines:
    """Return lines of a pipe that has ended."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    return Lines(reader, asked, seconds=seconds)


async def test_the_lines_end_when_what_was_asked_is_answered() -> None:
    asked = Asked()
    lines, output = line_of(QUESTION, asked), Output(os.open(os.devnull, os.O_WRONLY), asyncio.Event(), asked)
    assert await anext(lines) == QUESTION.rstrip()
    end = asyncio.create_task(asyncio.wait_for(anext(lines), 60))
    for thread in threading.enumerate():
        if thread.name == "lines":
            await asyncio.to_thread(thread.join)  # the end is read
    await output.write('{"jsonrpc": "2.0", "method": "notifications/message"}\n')
    await output.write(ANSWER.replace("7", "8"))
    assert not end.done()
    await output.write(ANSWER)
    with pytest.raises(StopAsyncIteration):
        await end


@pytest.mark.parametrize("more", [
    "", "no message\n", '{"id": 7}\n', CANCELLING % "[[]]", QUESTION + CANCELLING % "7",
])  # fmt: skip
async def test_the_lines_end_at_once_where_no_answer_will_come(more: str) -> None:
    assert [line async for line in line_of(more, Asked())] == more.splitlines()


async def test_an_answer_that_does_not_come_holds_the_lines_no_longer_than_the_bound() -> None:
    async with asyncio.timeout(30):
        assert [line async for line in line_of(QUESTION, Asked(), seconds=0)] == [QUESTION.rstrip()]
