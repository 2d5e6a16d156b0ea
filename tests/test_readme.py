"""The README is true: its examples run, its tables are what the code has, its links lead somewhere."""

import ast
import dataclasses
import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import httpx
import pytest

from receiver import GiveUp
from receiver.cli import init, main
from receiver.handling import Handler
from receiver.settings import Settings
from receiver.settings.accounts import SOURCES
from receiver.settings.model import SECRETS
from receiver.testing import Scratch
from receiver.web import body
from tests.processes import Processes, free_port, until
from tests.readme import BLOCKS, README, REPOSITORY, block

NOTES = block('"""Keep the show notes')
NEWSROOM = block('"""Post finished transcripts')
YOUTUBE = block('"""Keep the chapters')
TEST = block("from handlers.show_notes import")
SCRIPT = block('"""Print the title')
SHELL = block("ID=$(receiver transcribe ")
LINES = (
    "python3 -m venv .venv && .venv/bin/pip install -e '.[embedded]' && .venv/bin/receiver up --sandbox",
    "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/pytest",
)


def handler_in(block: str, name: str) -> Handler:
    namespace: dict[str, object] = {}
    exec(compile(block, name, "exec"), namespace)  # noqa: S102 - the README's own code
    found = namespace[name]
    assert isinstance(found, Handler)
    return found


def test_the_bound_of_a_body_is_said_as_it_is() -> None:
    assert f"256 KiB ({body.BODY_BYTES} bytes), else" in " ".join(README.split())


def test_the_two_lines_stand_alone() -> None:
    assert [one.strip() for one in BLOCKS if "venv .venv" in one] == list(LINES)


async def test_the_first_handler_keeps_show_notes(receiver_scratch: Scratch) -> None:
    show_notes = handler_in(NOTES, "show_notes")
    event, ctx = await receiver_scratch.claim(show_notes)
    await show_notes(event, ctx)
    assert await receiver_scratch.state(event) == "done"
    notes = await receiver_scratch.db.fetchval("select notes from show_notes where episode = 'transcribe.so/4821'")
    assert len(notes.splitlines()) == 10


@pytest.mark.parametrize(("block", "name", "table"), [
    (NOTES, "show_notes", "show_notes"),
    ((init.PROJECT / "handlers/first.py.txt").read_text(), "first", "chapter_titles"),
])  # fmt: skip
async def test_the_first_handlers_keep_what_has_the_same_id_elsewhere_apart(
    receiver_scratch: Scratch, block: str, name: str, table: str
) -> None:
    first = handler_in(block, name)
    for source in ("transcribe.so", "timbr") * 2:
        event, ctx = await receiver_scratch.claim(first)
        await first(dataclasses.replace(event, source=source), ctx)
    assert await receiver_scratch.db.fetchval(f"select count(*) from {table}") == 2


@pytest.mark.parametrize(("status", "outcome"), [(200, None), (422, GiveUp), (500, httpx.HTTPStatusError)])
async def test_the_second_handler_posts_with_its_key(
    receiver_scratch: Scratch, status: int, outcome: type[Exception] | None
) -> None:
    post_to_newsroom = handler_in(NEWSROOM, "post_to_newsroom")
    event, ctx = await receiver_scratch.claim(post_to_newsroom)
    asked: list[httpx.Request] = []

    def newsroom(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status)

    async with httpx.AsyncClient(transport=httpx.MockTransport(newsroom)) as http:
        with nullcontext() if outcome is None else pytest.raises(outcome):
            await post_to_newsroom(event, dataclasses.replace(ctx, http=http))
    assert asked[0].headers["Idempotency-Key"] == ctx.idempotency_key


def test_the_documented_test_of_a_handler_passes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = pytester.mkpydir("handlers")
    (handlers / "show_notes.py").write_text(NOTES)
    pytester.makeconftest('pytest_plugins = ["receiver.testing"]')
    pytester.makepyfile(TEST)
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\npythonpath = .")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_the_documented_handlers_ours_and_those_of_init_pass_strict_type_checks(tmp_path: Path) -> None:
    """The project is a user's own: it has only the installed package."""
    handlers = {"handlers/show_notes": NOTES, "handlers/newsroom": NEWSROOM, "handlers/youtube": YOUTUBE}
    modules = handlers | {"test_show_notes": TEST, "script": SCRIPT}
    shutil.copytree(REPOSITORY / "handlers", tmp_path / "handlers")
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
    for name in ("conftest", "handlers/first", "tests/test_first"):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        shutil.copy(init.PROJECT / f"{name}.py.txt", path)
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "."],
        cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_lines_of_shell_bring_a_transcript_and_the_script_finds_it(processes: Processes) -> None:
    """They run as they are printed, in `up`'s folder, behind the line that `up` has printed for them."""
    if shutil.which("jq") is None:
        pytest.skip("jq is missing: apt-get install jq")
    port = free_port()
    processes.environment |= {"PORT": str(free_port()), "TRANSCRIBE_WEBHOOK_SECRET": ""}
    process = processes.start("up", "--sandbox", "--sandbox-port", str(port))
    until(lambda: "transcripts done" in process.out.read_text() or process.popen.poll() is not None, "the sample")
    folder, tools = processes.folder, Path(sys.executable).parent
    environment = processes.environment | {"PATH": f"{tools}:{os.environ['PATH']}"}
    (folder / "script.py").write_text(SCRIPT)
    (exported,) = re.findall(r"^ +(export .*)$", process.out.read_text(), re.MULTILINE)
    shell = f"{exported}\n{SHELL}python script.py\n"
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", shell], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("0:00 ")
    assert "podcast.mp3\n" in ran.stdout
    assert (folder / "episode.srt").read_text().startswith("1\n00:00:00,000 --> ")
    assert process.end() == 0


def test_a_file_dropped_into_handlers_is_found_and_run(processes: Processes) -> None:
    for path in (REPOSITORY / "handlers").glob("*.py"):
        (processes.folder / "handlers").mkdir(exist_ok=True)
        shutil.copy(path, processes.folder / "handlers")
    processes.write_handlers(show_notes=NOTES)
    processes.environment |= {"PORT": str(free_port()), "TRANSCRIBE_WEBHOOK_SECRET": ""}
    process = processes.start("up", "--sandbox", "--sandbox-port", str(free_port()))
    until(lambda: "show_notes done" in process.out.read_text() or process.popen.poll() is not None, "the handler ran")
    rows = processes.sql("select notes from show_notes")
    assert process.end() == 0
    assert len(str(rows[0]["notes"]).splitlines()) == 10


def test_the_settings_table_is_the_model() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`)? *\|", README, re.MULTILINE)
    fields = [(str(field.validation_alias), field.default) for field in Settings.model_fields.values()]
    assert [name for name, _ in rows] == [name for name, _ in fields]
    for (name, shown), (_, default) in zip(rows, fields, strict=True):
        plain = ",".join(default) if isinstance(default, tuple) else "" if default is None else str(default)
        assert shown == plain.removesuffix(".0"), name
    paragraph = README[README.index("can come from a file instead") - 200 :]
    assert all(f"`{name}`" in paragraph for name in SECRETS)


def test_the_table_of_sources_is_what_the_settings_know() -> None:
    row = r"^\| `([^`]+)` \| `([A-Z_]+)_…` \| (?:`([^`]*)`)? *\| (.+) \|$"
    rows = re.findall(row, section("### The sources and their keys"), re.MULTILINE)
    assert [(source, prefix, url, needed.replace("`", "")) for source, prefix, url, needed in rows] == [
        (source.source, source.prefix, source.api_url, source.needed("default")) for source in SOURCES
    ]


def test_the_commands_table_is_the_command_line() -> None:
    named = re.findall(r"^\| `receiver ([a-z-]+)", README, re.MULTILINE)
    assert sorted(named) == sorted(main.commands)


def test_every_command_has_help_with_examples(processes: Processes) -> None:
    for name, command in main.commands.items():
        assert command.help, name
        assert command.epilog, name
        assert "Examples:" in command.epilog, name
    shown = processes.run("replay", "--help").stdout
    assert "receiver replay evt_1234 --handler transcripts" in shown


def test_every_finding_has_a_row_that_says_what_to_do() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| .+ \| .+ \|$", section("### When something is wrong"), re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == {name for path in (REPOSITORY / "receiver").rglob("*.py") for name in _findings(path)}


def test_the_names_of_findings_are_read_however_the_finding_is_made(tmp_path: Path) -> None:
    source = (
        'Finding("one", holds=True, seen="")\n'
        'finding.Finding(name="two", holds=True, seen="")\n'
        "def _advice(name, seen):\n    return Finding(name, holds=True, seen=seen)\n"
        '_advice("three", "x")\nother("four", "x")\n'
    )
    (tmp_path / "x.py").write_text(source)
    assert _findings(tmp_path / "x.py") == {"one", "two", "three"}


def test_the_table_of_rooms_has_every_room() -> None:
    rooms = {path.parent.name for path in (REPOSITORY / "receiver").glob("*/__init__.py")}
    assert sorted(re.findall(r"^\| \[`(\w+)`\]", section("## The code"), re.MULTILINE)) == sorted(rooms - {"bundled"})


@pytest.mark.parametrize("page", ["README.md", "tests/faults/README.md"])
def test_every_link_leads_to_a_file_or_a_heading(page: str) -> None:
    text = (REPOSITORY / page).read_text()
    headings = {_anchor(title) for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif "://" not in target:
            assert (REPOSITORY / page).parent.joinpath(target).is_file(), target


def test_files_that_the_readme_names_exist() -> None:
    for name in re.findall(r"`((?:[a-z_]+/)+[\w/]+\.py)`", README):
        assert any(Path(REPOSITORY / base / name).exists() for base in ("", "receiver")), name


def section(heading: str) -> str:
    """Return the text from a heading to the next one of the same or a higher level."""
    text = README.split(f"\n{heading}\n", 1)[1]
    level = len(heading.split(maxsplit=1)[0])
    return re.split(rf"\n#{{1,{level}}} ", text, maxsplit=1)[0]


def _anchor(title: str) -> str:
    """Return a heading's address as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _findings(path: Path) -> set[str]:
    """Return the names of the findings that a module makes: by `Finding`, or by a function that passes a name on."""
    tree = ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    makers = {"Finding"} | {
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and _called(call) == "Finding"
        for name in [_name_given(call)]
        if isinstance(name, ast.Name) and name.id in {argument.arg for argument in function.args.args}
    }
    names = [_name_given(call) for call in calls if _called(call) in makers]
    return {name.value for name in names if isinstance(name, ast.Constant) and isinstance(name.value, str)}


def _called(call: ast.Call) -> str | None:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


def _name_given(call: ast.Call) -> ast.expr | None:
    by_keyword = [keyword.value for keyword in call.keywords if keyword.arg == "name"]
    return next(iter([*by_keyword, *call.args]), None)
