"""`receiver.logs`: one event is one line, whatever a stranger wrote into it."""

import json
import logging
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver import logs
from receiver.logs import JsonFormatter, TextFormatter, printable

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
def test_a_text_line_has_a_local_clock_a_level_a_name_and_the_message() -> None:
    line = TextFormatter().format(record("%s jobs, %d %%", "seven", 7))
    clock, _, rest = line.partition(" ")
    assert rest == "warning web.app: seven jobs, 7 %"
    assert clock == "23:20:58.007"


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


@given(st.text(st.characters()))
def test_a_json_line_is_one_line_and_says_the_message_as_it_is(text: str) -> None:
    line = JsonFormatter().format(record("%s", text))
    assert line.isprintable()
    assert line.isascii()
    assert json.loads(line)["message"] == text


# --- configure -------------------------------------------------------------------------------------------------------

CHATTY = ("httpx", "httpcore")


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Yield what reads stderr; loggers are put back afterwards."""
    loggers = [logging.getLogger(), *map(logging.getLogger, CHATTY)]
    levels, handlers = [logger.level for logger in loggers], loggers[0].handlers[:]
    yield lambda: capsys.readouterr().err
    loggers[0].handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


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
