"""`receiver.logs.lines`: one event is one line, whatever a stranger wrote into it."""

import io
import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver import logs
from receiver.logs import clock, printable, say
from receiver.logs.lines import JsonFormatter, Output, TextFormatter

CREATED = 1_777_472_458.007  # 2026-04-29T14:20:58.007Z


def record(message: str, *args: object, error: BaseException | None = None, name: str = "receiver.web.app") -> (
    logging.LogRecord
):  # fmt: skip
    info = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord(name, logging.WARNING, __file__, 1, message, args, info)
    made.created, made.msecs = CREATED, 7.0
    return made


def raised(text: str) -> ValueError:
    """Return an error that has a traceback."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - any text
        raise ValueError(text)
    return caught.value


@pytest.fixture
def _nine_hours_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be where the local time is UTC + 9 h."""
    monkeypatch.setenv("TZ", "EAST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# --- what is escaped -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "shown"), [
    ("plain text, 100 %", "plain text, 100 %"),
    ("ü 😀 漢", "ü 😀 漢"),
    ("", ""),
    ("a\nb", r"a\nb"),
    ("a\r\nb", r"a\r\nb"),
    ("\x1b[31mred", r"\x1b[31mred"),
    ("\x9b31m", r"\x9b31m"),
    ("a\tb", r"a\tb"),
    ("a\x00b", r"a\x00b"),
    ("\x7f\x08", r"\x7f\x08"),
    ("\u202egnp.exe", r"\u202egnp.exe"),
    ("\u2066x\u2069", r"\u2066x\u2069"),
    ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
    ("\u200b\ufeff", r"\u200b\ufeff"),
    ("\ud800", r"\ud800"),
    ("\U000e0041", r"\U000e0041"),
])  # fmt: skip
def test_what_could_steer_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_printable_text_is_always_one_line_that_can_be_written(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    shown.encode()
    assert printable(shown) == shown


# --- text ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_nine_hours_east")
def test_a_text_line_has_its_moment_in_utc_a_level_a_name_and_the_message() -> None:
    line = TextFormatter().format(record("%s jobs, %d %%", "seven", 7))
    assert line == "2026-04-29T14:20:58.007Z warning web.app: seven jobs, 7 %"


def test_a_process_that_has_a_name_says_it_in_each_line() -> None:
    assert TextFormatter("web 2").format(record("ready")).endswith(" warning [web 2] web.app: ready")
    assert json.loads(JsonFormatter("web 2").format(record("ready")))["process"] == "web 2"


@pytest.mark.usefixtures("_nine_hours_east")
def test_what_lists_show_is_in_utc_and_says_so() -> None:
    assert clock(datetime.fromisoformat("2026-04-29T23:20:58.007+09:00")) == "2026-04-29 14:20:58Z"


@pytest.mark.parametrize(("said", "line"), [("done", "x/evt_1: done"), ("x/evt_1 is done", "x/evt_1 is done")])
def test_a_text_line_names_its_event_once(said: str, line: str) -> None:
    made = record(said)
    made.event = "x/evt_1"
    assert TextFormatter().format(made).endswith(f" web.app: {line}")


@pytest.mark.parametrize(("name", "shown"), [("receiver.jobs", "jobs"), ("handlers.pings", "handlers.pings")])
def test_only_our_own_prefix_is_left_out_of_the_name(name: str, shown: str) -> None:
    assert f" {shown}: " in TextFormatter().format(record("x", name=name))


def test_a_text_line_cannot_be_broken_by_what_it_says() -> None:
    line = TextFormatter().format(record("title %s", "x\n08:15:30.123 error web: forged\x1b[2J"))
    assert line.isprintable()


def test_a_traceback_follows_on_indented_lines() -> None:
    first, *trace = TextFormatter().format(record("failed", error=raised("a\nforged\x1b[2J\u2028x"))).split("\n")
    assert first.endswith("web.app: failed")
    assert trace[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") and line.isprintable() for line in trace)
    assert trace[-1].strip() == "x"


# --- JSON ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_nine_hours_east")
def test_a_json_line_has_its_time_in_utc() -> None:
    assert json.loads(JsonFormatter().format(record("%s", "ü"))) == {
        "time": "2026-04-29T14:20:58.007Z", "level": "warning", "logger": "receiver.web.app", "message": "ü",
    }  # fmt: skip


def test_a_json_line_holds_a_traceback() -> None:
    line = JsonFormatter().format(record("failed", error=raised("a\nb")))
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ValueError: a\nb")


class Unsayable:
    """Has no text."""

    def __str__(self) -> str:
        raise ValueError


WITHIN: list[object] = []
WITHIN.append(WITHIN)
MOMENT = datetime.fromisoformat("2026-04-29T14:20:58+00:00")
GIVEN: dict[str, tuple[object, object]] = {
    "a text": ("pings", "pings"), "a number": (2, 2), "a fraction": (0.5, 0.5), "nothing": (None, None),
    "no number": (math.inf, "inf"), "a list": ([1, "a", None], [1, "a", None]), "a dict": ({"a": {"b": 1}},) * 2,
    "a moment": (MOMENT, "2026-04-29 14:20:58+00:00"), "moments": ([MOMENT], ["2026-04-29 14:20:58+00:00"]),
    "bytes": (b"\xff", "b'\\xff'"), "a set": ({1}, "{1}"), "odd keys": ({(1, 2): 3}, "{(1, 2): 3}"),
    "no number in it": ([math.nan], "[nan]"), "itself": (WITHIN, "[[...]]"), "no text": (Unsayable(), "a Unsayable"),
}  # fmt: skip


@pytest.mark.parametrize("what", GIVEN)
def test_a_json_line_has_what_was_given_beside_the_message(what: str) -> None:
    given, said = GIVEN[what]
    made = record("done")
    vars(made).update(mine=given, level="mine")
    fields = json.loads(JsonFormatter().format(made))
    assert fields == {
        "time": "2026-04-29T14:20:58.007Z", "level": "warning", "logger": "receiver.web.app", "message": "done",
        "mine": said,
    }  # fmt: skip


@given(st.text(st.characters()))
def test_a_json_line_is_one_line_and_says_the_message_as_it_is(text: str) -> None:
    line = JsonFormatter().format(record("%s", text))
    assert line.isprintable()
    assert line.isascii()
    assert json.loads(line)["message"] == text


# --- configure -------------------------------------------------------------------------------------------------------

CHATTY = ("httpx", "httpcore")


@pytest.fixture
def _loggers() -> Iterator[None]:
    """Put loggers back afterwards."""
    loggers = [logging.getLogger(name) for name in (None, *CHATTY, "receiver.told")]
    before = [(logger, logger.level, logger.propagate, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate, logger.handlers[:] = propagate, handlers


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str], _loggers: None) -> Callable[[], str]:
    """Return what reads stderr."""
    return lambda: capsys.readouterr().err


def test_lines_go_to_stderr_once(stderr: Callable[[], str]) -> None:
    logs.configure("text", "info")
    logs.configure("text", "info")
    logging.getLogger("receiver.web").info("hello")
    line = stderr()
    assert line.endswith(" info web: hello\n")
    assert line.count("\n") == 1


def test_json_is_written_where_it_is_asked_for(stderr: Callable[[], str]) -> None:
    logs.configure("json", "info")
    logging.getLogger("receiver.web").info("hello")
    assert json.loads(stderr())["message"] == "hello"


@pytest.mark.parametrize(("level", "written"), [
    ("debug", ["debug", "info", "warning", "error"]), ("info", ["info", "warning", "error"]),
    ("warning", ["warning", "error"]), ("error", ["error"]),
])  # fmt: skip
def test_the_level_says_what_is_written(stderr: Callable[[], str], level: str, written: list[str]) -> None:
    logs.configure("json", level)
    for name in ("debug", "info", "warning", "error"):
        logging.getLogger("receiver.web").log(logging.getLevelNamesMapping()[name.upper()], name)
    assert [json.loads(line)["message"] for line in stderr().splitlines()] == written


@pytest.mark.parametrize("name", CHATTY)
@pytest.mark.parametrize("level", ["debug", "info", "error"])
def test_others_do_not_talk_about_every_request(stderr: Callable[[], str], name: str, level: str) -> None:
    logs.configure("text", level)
    logging.getLogger(name).info("GET /")
    assert stderr() == ""
    logging.getLogger(name).error("broken")
    assert "broken" in stderr()


# --- what is told on stdout ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["debug", "error"])
@pytest.mark.usefixtures("_loggers")
def test_what_is_told_is_plain_text_on_stdout(capsys: pytest.CaptureFixture[str], level: str) -> None:
    logs.configure("text", level)
    say("web    100 % well")
    assert capsys.readouterr() == ("web    100 % well\n", "")


@pytest.mark.usefixtures("_loggers")
def test_what_is_told_is_a_log_line_where_those_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info")
    say("web    well")
    out, err = capsys.readouterr()
    assert (out, json.loads(err)["message"]) == ("", "web    well")


# --- a line that cannot be written -----------------------------------------------------------------------------------


class Failing(io.StringIO):
    """A stream that takes nothing."""

    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stream", [Failing(), io.TextIOWrapper(io.BytesIO(), "latin-1", write_through=True)])
@pytest.mark.parametrize("said", [("a curly \u201d",), ("%d", "no number")])
def test_a_line_that_cannot_be_written_is_no_matter_of_who_logs_it(stream: TextIO, said: tuple[str, ...]) -> None:
    Output(stream, TextFormatter()).emit(record(*said))


class Ending:
    """Ends the process when it is written."""

    def __str__(self) -> str:
        raise SystemExit(3)


def test_a_line_that_would_end_the_process_is_no_matter_of_who_logs_it() -> None:
    stream = io.StringIO()
    Output(stream, TextFormatter()).emit(record("%s", Ending()))
    assert "a log line of receiver.web.app cannot be formatted" in stream.getvalue()


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_line_that_cannot_be_formatted_is_one_in_the_same_style(formatter: logging.Formatter) -> None:
    stream = io.StringIO()
    Output(stream, formatter).emit(record("%d", "secret"))
    (line,) = stream.getvalue().splitlines()
    assert "a log line of receiver.web.app cannot be formatted" in line
    assert "secret" not in line
    assert line.startswith("{") == isinstance(formatter, JsonFormatter)
