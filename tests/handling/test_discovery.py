"""`receiver.handling.discovery`: which handlers are found, and what refuses the start, in one sentence."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from receiver import settings
from receiver.errors import HandlerLoadError
from receiver.events import Event
from receiver.handling import Context, Handler, discovery, handler
from receiver.inbox.retry import RetryPolicy
from tests.processes import REPOSITORY

SOURCE = "transcribe.so"
IMPORTS = "from receiver import Context, Event, RetryPolicy, handler\n"


def async_handler(name: str, decorator: str = '@handler("webhook.test")') -> str:
    return f"{IMPORTS}\n{decorator}\nasync def {name}(event: Event, ctx: Context) -> None:\n    pass\n"


GOOD = async_handler("good")

Write = Callable[..., None]


@pytest.fixture(autouse=True)
def _restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder; forget what was imported from there, and put the path back."""
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.chdir(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith(("found_", "refused_"))]:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes modules (dotted name → text) into the working directory, or into another folder."""

    def put(modules: dict[str, str], *, into: Path = tmp_path) -> None:
        for dotted, text in modules.items():
            package, _, name = dotted.rpartition(".")
            folder = into / package
            folder.mkdir(parents=True, exist_ok=True)
            if package:
                (folder / "__init__.py").touch()
            (folder / f"{name}.py").write_text(text)
        importlib.invalidate_caches()

    return put


def loaded(packages: Sequence[str]) -> Mapping[str, Handler]:
    """Return the handlers that are found where `RECEIVER_HANDLERS` names these packages."""
    return discovery.load(settings.load(RECEIVER_HANDLERS=tuple(packages)))


def refusal(*packages: str) -> str:
    with pytest.raises(HandlerLoadError) as refused:
        loaded(packages)
    return str(refused.value)


# --- what is left out ------------------------------------------------------------------------------------------------


def test_a_handler_is_left_out_where_the_variable_that_it_needs_is_not_set(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    needing = async_handler("mine", '@handler("webhook.test", needs="FOUND_URL")')
    write({"found_needing.a": needing, "found_needing.b": GOOD})
    configured = settings.load(RECEIVER_HANDLERS="found_needing")
    found = discovery.find(configured)
    assert list(found.handlers) == ["good"]
    assert {"mine", "files"} <= {one.name for one in found.left_out}  # and ready-made ones
    monkeypatch.setenv("FOUND_URL", "https://here.test")
    assert list(discovery.load(configured)) == ["good", "mine"]
    monkeypatch.setenv("FOUND_URL", "")
    assert list(discovery.load(configured)) == ["good"]


def test_one_that_is_left_out_gives_its_name_to_another(write: Write) -> None:
    write({"found_twice.a": async_handler("good", '@handler("webhook.test", needs="FOUND_NOWHERE")')})
    write({"found_twice.b": GOOD})
    found = loaded(["found_twice"])
    assert found["good"].module == "found_twice.b"


def test_a_needed_variable_whose_file_cannot_be_used_refuses_the_start(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"found_filed.a": async_handler("good", '@handler("webhook.test", needs="FOUND_KEY")')})
    monkeypatch.setenv("FOUND_KEY_FILE", "/absent")
    assert refusal("found_filed") == "good: FOUND_KEY_FILE: cannot be read (No such file or directory)"


@pytest.mark.parametrize("needs", [1, "", "not a name", "1ST", ("A",)])
def test_a_needed_variable_has_a_variables_name(needs: Any) -> None:
    with pytest.raises(HandlerLoadError, match="needs must be the name of a variable such as"):
        handler("webhook.test", name="x", needs=needs)(_never)


async def _never(event: Event, ctx: Context) -> None:
    """Stand for a handler's function."""


# --- what is found ---------------------------------------------------------------------------------------------------


def test_every_public_module_of_a_package_is_found(write: Write) -> None:
    write({"found_all.b": async_handler("second"), "found_all.a": async_handler("first")})
    found = loaded(["found_all"])
    assert list(found) == ["first", "second"]
    assert all(isinstance(h, Handler) and h.name == name for name, h in found.items())


def test_several_packages_and_plain_modules_are_found_together(write: Write) -> None:
    write({"found_one.a": async_handler("a"), "found_two.b": async_handler("b"), "found_plain": async_handler("c")})
    assert list(loaded(["found_two", "found_plain", "found_one"])) == ["a", "b", "c"]


def test_a_module_inside_a_package_can_be_named_alone(write: Write) -> None:
    write({"found_part.a": async_handler("a"), "found_part.b": async_handler("b")})
    assert list(loaded(["found_part.b"])) == ["b"]


def test_a_module_may_declare_several_handlers(write: Write) -> None:
    write({"found_many.a": async_handler("a") + async_handler("b") + async_handler("c", '@handler("*", name="d")')})
    assert list(loaded(["found_many"])) == ["a", "b", "d"]


def test_private_modules_are_not_even_imported(write: Write) -> None:
    ends = "raise SystemExit('imported')"
    write({"found_private.a": GOOD, "found_private._shared": ends, "found_private.__main__": ends})
    assert list(loaded(["found_private"])) == ["good"]


def test_what_a_module_imports_from_another_is_not_found_twice(write: Write) -> None:
    again = "from found_imports.a import good\nalias = good\n"
    write({"found_imports.a": GOOD, "found_imports.b": again + async_handler("own")})
    assert list(loaded(["found_imports"])) == ["good", "own"]


def test_a_second_name_for_a_handler_is_no_second_handler(write: Write) -> None:
    write({"found_alias.a": GOOD + "\nalias = good\n"})
    assert list(loaded(["found_alias"])) == ["good"]


def test_what_was_found_cannot_be_changed(write: Write) -> None:
    write({"found_frozen.a": GOOD})
    found: Any = loaded(["found_frozen"])
    with pytest.raises(TypeError):
        found["other"] = None


def test_our_own_handlers_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert list(loaded(["handlers"])) == ["artifacts", "failures", "pings", "timestamps", "transcripts"]


# --- where it is looked for ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("already_on_the_path", [False, True])
def test_the_working_directory_wins(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, already_on_the_path: bool
) -> None:
    """Even if it is on the path already, behind other entries: otherwise a bundled package would win."""
    other = tmp_path / "elsewhere"
    package = f"found_here_{already_on_the_path}"
    write({f"{package}.a": async_handler("mine")})
    write({f"{package}.a": async_handler("bundled")}, into=other)
    monkeypatch.setattr(sys, "path", [str(other), *([str(tmp_path)] if already_on_the_path else []), *sys.path])
    assert list(loaded([package])) == ["mine"]


def test_other_places_of_the_path_are_looked_at_too(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"found_elsewhere.a": GOOD}, into=tmp_path / "elsewhere")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    assert list(loaded(["found_elsewhere"])) == ["good"]


def test_a_module_that_goes_to_another_folder_hides_nothing(write: Write, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write({"found_straying.a": f"import os\nos.chdir({str(tmp_path / 'empty')!r})\n{GOOD}"})
    write({"found_straying.b": async_handler("second"), "found_after.a": async_handler("third")})
    assert list(loaded(["found_straying", "found_after"])) == ["good", "second", "third"]
    (tmp_path / "refused_straying").mkdir()
    os.chdir(tmp_path)
    write({"found_astray.a": f"import os\nos.chdir({str(tmp_path / 'empty')!r})\n{async_handler('fourth')}"})
    (tmp_path / "bundled").mkdir()
    write({"refused_straying.a": GOOD}, into=tmp_path / "bundled")
    sys.path.append(str(tmp_path / "bundled"))
    assert "refused_straying has no __init__.py" in refusal("found_astray", "refused_straying")


def test_the_path_does_not_grow_with_every_load(write: Write) -> None:
    write({"found_again.a": GOOD})
    loaded(["found_again"])
    before = list(sys.path)
    loaded(["found_again"])
    assert sys.path == before


def test_what_is_imported_later_comes_from_the_working_directory_only_where_nothing_else_has_it(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries import some modules late, and a file of the user might have the name of one."""
    write({"found_late.a": GOOD, "found_own": "where = 'mine'", "found_both": "where = 'mine'"})
    write({"found_both": "where = 'a library'"}, into=tmp_path / "elsewhere")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    loaded(["found_late"])
    assert importlib.import_module("found_both").where == "a library"
    assert importlib.import_module("found_own").where == "mine"


def test_what_a_module_has_put_on_the_path_stays_there(write: Write, tmp_path: Path) -> None:
    """A handler might import modules from there when it is called."""
    vendor = tmp_path / "vendor"
    write({"found_vendor.a": f"import sys\nsys.path.insert(0, {str(vendor)!r})\n{GOOD}"})
    loaded(["found_vendor"])
    assert sys.path[-1] == str(tmp_path)
    assert str(vendor) in sys.path


def test_an_object_that_cannot_be_hashed_may_be_a_handlers_function(write: Write) -> None:
    write(
        {
            "found_object.a": f"""{IMPORTS}
class Sender(dict):
    async def __call__(self, event: Event, ctx: Context) -> None:
        pass

send = handler("webhook.test", name="send")(Sender())
"""
        }
    )
    assert list(loaded(["found_object"])) == ["send"]


def test_the_standard_librarys_modules_never_come_from_the_working_directory(write: Write) -> None:
    write({"found_standard.a": f"import this\n{GOOD}", "this": "raise SystemExit('imported')"})
    assert list(loaded(["found_standard"])) == ["good"]


# --- whose files are run ---------------------------------------------------------------------------------------------

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
NOBODY = 65534
STRANGERS = [
    ("refused_module.py", "refused_module"),
    ("refused_package", "refused_package"),
    ("refused_package/__init__.py", "refused_package"),
    ("refused_package/__init__.py", "refused_package.a"),
    ("refused_package/a.py", "refused_package"),
    ("refused_package/_shared.py", "refused_package"),
    ("refused_helper.py", "refused_package"),
    ("refused_package/__pycache__", "refused_package"),
]


def put_in_place(write: Write) -> None:
    """Write the modules of each case, which then belong to another user or can be changed by everybody."""
    good = "import refused_helper\nfrom refused_package import _shared\n" + GOOD
    write({"refused_module": GOOD, "refused_helper": "", "refused_package._shared": "", "refused_package.a": good})
    Path("refused_package/__pycache__").mkdir()


@as_root
@pytest.mark.parametrize(("given", "package"), STRANGERS)
def test_no_file_of_another_user_is_run(write: Write, given: str, package: str) -> None:
    """Anyone who can write to a shared folder could put handlers there, and root might start there."""
    put_in_place(write)
    os.chown(given, NOBODY, NOBODY)
    assert f"{Path(given).absolute()} belongs to another user (uid {NOBODY}): chown it" in refusal(package)


@pytest.mark.parametrize(("given", "package"), STRANGERS)
def test_no_file_that_everybody_can_change_is_run(write: Write, given: str, package: str) -> None:
    put_in_place(write)
    Path(given).chmod(0o777)
    assert f"{Path(given).absolute()} can be changed by every user: run `chmod o-w` on it" in refusal(package)


@as_root
def test_a_link_of_another_user_leads_to_nothing_that_is_run(write: Write, tmp_path: Path) -> None:
    write({"a": GOOD}, into=tmp_path / "elsewhere")
    (tmp_path / "elsewhere").rename(tmp_path / "refused_elsewhere")
    Path("refused_link").symlink_to("refused_elsewhere")
    os.chown("refused_link", NOBODY, NOBODY, follow_symlinks=False)
    assert "refused_link belongs to another user" in refusal("refused_link")


@as_root
def test_under_sudo_the_callers_files_are_run(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write({"found_sudo": GOOD})
    os.chown("found_sudo.py", NOBODY, NOBODY)
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    assert list(loaded(["found_sudo"])) == ["good"]


@as_root
@pytest.mark.parametrize(("mode", "is_run"), [(0o755, True), (0o1777, False)])
def test_whoever_owns_the_folder_that_we_start_in_is_trusted_unless_everybody_may_write_to_it(
    write: Write, tmp_path: Path, *, mode: int, is_run: bool
) -> None:
    """Such as when root in a container works on somebody's checkout."""
    name = f"mounted_{mode}"
    write({name: GOOD})
    for path in (Path(f"{name}.py"), tmp_path):
        os.chown(path, NOBODY, NOBODY)
    tmp_path.chmod(mode)
    if is_run:
        assert list(loaded([name])) == ["good"]
    else:
        assert f"belongs to another user (uid {NOBODY})" in refusal(name)


def test_our_own_files_in_a_folder_that_everybody_may_write_to_are_run(write: Write, tmp_path: Path) -> None:
    write({"found_shared.a": GOOD})
    tmp_path.chmod(0o1777)
    assert list(loaded(["found_shared"])) == ["good"]


# --- what refuses the start ------------------------------------------------------------------------------------------

YIELDS = async_handler("f").replace("pass", "yield")
BARE = async_handler("f", "@handler")
ADVICE = "decorate a function with @handler, or start the file's name with an underscore"

PATTERNS = '@handler needs patterns such as "transcription.completed", "transcription.*"'
FIRST = "RetryPolicy: first must be a timedelta such as timedelta(seconds=10)"

# {m} stands for the module's name, {l} for its file and the line of the mistake.
REFUSALS = {
    "an empty module": ("", f"{{m}} declares no handler: {ADVICE}"),
    "a function without the decorator": ("async def f(event, ctx): ...", f"{{m}} declares no handler: {ADVICE}"),
    "a function that yields": (YIELDS, "{m}: f: a handler does not yield ({l} 3)"),
    "no pattern": (async_handler("f", "@handler()"), f"{{m}}: {PATTERNS} ({{l}} 3)"),
    "an empty pattern": (
        async_handler("f", '@handler("webhook.test", "")'), f"{{m}}: {PATTERNS}, not '' ({{l}} 3)",
    ),
    "a pattern that is no text": (async_handler("f", "@handler(1)"), f"{{m}}: {PATTERNS}, not 1 ({{l}} 3)"),
    "a family with a typing error": (
        async_handler("f", '@handler("transcription*")'), f"{{m}}: {PATTERNS}, not 'transcription*' ({{l}} 3)",
    ),
    "a timeout of nothing": (
        async_handler("f", '@handler("*", timeout=0)'),
        "{m}: f: timeout must be a positive number of seconds, at most 604800, not 0 ({l} 3)",
    ),
    "a number of tries for a policy": (
        async_handler("f", '@handler("*", retry=3)'),
        "{m}: f: retry must be a RetryPolicy such as RetryPolicy(attempts=3), not 3 ({l} 3)",
    ),
    "a policy that makes no sense": (
        async_handler("f", '@handler("*", retry=RetryPolicy(attempts=0))'),
        "{m} cannot be imported: ValueError: a RetryPolicy needs attempts >= 1 and 0 <= first <= limit ({l} 3)",
    ),
    "a policy of other kinds": (
        async_handler("f", '@handler("*", retry=RetryPolicy(first=5))'),
        "{m} cannot be imported: TypeError: " + FIRST + ", not 5 ({l} 3)",
    ),
    "parameters in the wrong order": (
        async_handler("f").replace("event: Event, ctx: Context", "ctx: Context, event: Event"),
        "{m}: f: its parameters are an event and a context, in this order ({l} 3)",
    ),
    "a class": (
        f'{IMPORTS}\n@handler("*")\nclass Mine:\n    pass\n',
        "{m}: Mine: a handler is a function, not a class ({l} 3)",
    ),
    "an error": ("\n\n1 / 0", "{m} cannot be imported: ZeroDivisionError: division by zero ({l} 3)"),
    "an error somewhere else": (
        "import json\njson.loads('')",
        "{m} cannot be imported: JSONDecodeError: Expecting value: line 1 column 1 (char 0) ({l} 2)",
    ),
    "an error that holds an address": (
        "raise ValueError('https://u:sesame@h.example/sesame')",
        "{m} cannot be imported: ValueError: https://h.example/… ({l} 1)",
    ),
    "an error without a text": (
        "class Odd(Exception):\n    def __str__(self): raise SystemExit(3)\nraise Odd",
        "{m} cannot be imported: Odd ({l} 3)",
    ),
    "what it imports is missing": (
        "import no_such_module",
        "{m} cannot be imported: ModuleNotFoundError: No module named 'no_such_module' ({l} 1)",
    ),
    "it ends the process": ("raise SystemExit(3)", "{m} cannot be imported: SystemExit: 3 ({l} 1)"),
    "it ends the process politely": ("import sys; sys.exit()", "{m} cannot be imported: SystemExit ({l} 1)"),
    "it is cancelled": (
        "import asyncio; raise asyncio.CancelledError('x')", "{m} cannot be imported: CancelledError: x ({l} 1)",
    ),
    "one name twice": (
        async_handler("f", '@handler("*", name="n")') + async_handler("g", '@handler("*", name="n")'),
        "two handlers are named n: in {m} and in {m}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSALS)
def test_the_start_is_refused_in_one_sentence_by(write: Write, what: str) -> None:
    text, said = REFUSALS[what]
    package = f"refused_{list(REFUSALS).index(what)}"
    write({f"{package}.mod": text})
    assert refusal(package) == said.format(m=f"{package}.mod", l=f"{package}/mod.py line")


def test_a_syntax_error_refuses_the_start(write: Write) -> None:
    write({"refused_syntax.mod": "def"})
    assert refusal("refused_syntax").startswith("refused_syntax.mod cannot be imported: SyntaxError: invalid syntax")


@pytest.mark.parametrize("package", ["no_such_package", "no_such_package.inside", "handlers.no_such_module"])
def test_a_package_that_is_not_there_refuses_the_start(package: str) -> None:
    assert refusal(package).startswith(f"{package} cannot be imported: ModuleNotFoundError: No module named")


@pytest.mark.parametrize("name", ["a..b", "no such"])
def test_what_is_no_package_name_refuses_the_start(name: str) -> None:
    assert refusal(name).startswith(f"{name} cannot be imported: ")


@pytest.mark.parametrize("private", [{}, {"_b": GOOD}])
def test_a_package_without_a_public_module_refuses_the_start(write: Write, private: dict[str, str]) -> None:
    write({"refused_hollow._a": ""} | {f"refused_hollow.{name}": text for name, text in private.items()})
    assert refusal("refused_hollow") == "refused_hollow declares no handler: decorate a function with @handler"


def test_a_folder_that_python_passes_over_refuses_the_start(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an `__init__.py` it is no regular package, so a package elsewhere with the same name would be taken."""
    write({"refused_bundled.a": async_handler("bundled")}, into=tmp_path / "elsewhere")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    (tmp_path / "refused_bundled").mkdir()
    said = refusal("refused_bundled")
    assert said.startswith(str(tmp_path / "refused_bundled"))
    assert "__init__.py" in said


def test_two_handlers_of_one_name_refuse_the_start(write: Write) -> None:
    write({"refused_twice.a": GOOD, "refused_twice.b": GOOD})
    assert refusal("refused_twice") == "two handlers are named good: in refused_twice.a and in refused_twice.b"


def test_two_handlers_of_one_name_in_two_packages_refuse_the_start(write: Write) -> None:
    write({"refused_left.a": GOOD, "refused_right.a": GOOD})
    said = refusal("refused_left", "refused_right")
    assert said == "two handlers are named good: in refused_left.a and in refused_right.a"


@pytest.mark.parametrize("text", [BARE, GOOD + BARE, BARE + GOOD], ids=["alone", "after another", "before another"])
def test_a_decorator_without_its_call_refuses_the_start(write: Write, text: str) -> None:
    """Beside a correct handler it would be missing silently, and its work would be lost."""
    package = f"refused_bare_{[BARE, GOOD + BARE, BARE + GOOD].index(text)}"
    write({f"{package}.mod": text})
    assert refusal(package).startswith(f"{package}.mod")


def test_every_bad_module_is_told(write: Write) -> None:
    """Otherwise each start would show only the next mistake."""
    bad = {"refused_all.b": "", "refused_all.c": "\n1 / 0", "refused_all.d": "def", "refused_all.e": GOOD}
    write({"refused_all.a": GOOD} | bad)
    told = refusal("refused_all", "no_such_package").split("; ")
    assert [sentence.partition(":")[0] for sentence in told] == [
        "refused_all.b declares no handler",
        "refused_all.c cannot be imported",
        "refused_all.d cannot be imported",
        "two handlers are named good",
        "no_such_package cannot be imported",
    ]


AGAIN = async_handler("f") + "\n" + async_handler("f").replace("pass", "...")
LOOP = f"""{GOOD}
for name in ("a", "b"):
    @handler("*", name=name)
    async def one(event: Event, ctx: Context) -> None: ...
"""
INSIDE = f"""{GOOD}
def make():
    @handler("*", name="a")
    async def one(event: Event, ctx: Context) -> None: ...
make()
"""
LISTED = f"""{GOOD}
async def plain(event: Event, ctx: Context) -> None: ...
ALL = [handler("*", name="a")(plain)]
"""
KEYED = LISTED.replace("[", "{1: ").replace("]", "}")
WRAPPED = f"""{GOOD}
def quiet(function):
    return lambda *given: function(*given)
@quiet
@handler("*", name="a")
async def one(event: Event, ctx: Context) -> None: ...
"""
IN_A_CLASS = f"""{GOOD}
class Mine:
    @handler("*", name="a")
    async def one(event: Event, ctx: Context) -> None: ...
"""
NAMELESS = {
    "another has its name": (AGAIN, "f", 3), "a loop": (LOOP, "a", 8), "a function": (INSIDE, "a", 10),
    "a list": (LISTED, "a", 8), "a dict": (KEYED, "a", 8), "what it was wrapped in": (WRAPPED, "a", 10),
    "a class": (IN_A_CLASS, "a", 7),
}  # fmt: skip


@pytest.mark.parametrize("what", NAMELESS)
def test_a_handler_that_its_module_has_no_name_for_refuses_the_start(write: Write, what: str) -> None:
    """Beside a correct handler it would be missing silently, and its work would be lost."""
    text, name, line = NAMELESS[what]
    package = f"refused_nameless_{list(NAMELESS).index(what)}"
    write({f"{package}.mod": text})
    assert refusal(package) == (
        f"{package}.mod: the handler {name} ({package}/mod.py line {line}) would get no jobs: "
        f"no variable of the module holds it (any more); assign it to a variable of its own"
    )


def test_what_a_private_module_has_made_may_be_used_or_not(write: Write) -> None:
    makes = IMPORTS + "def make(name):\n    async def one(event, ctx): ...\n    return handler('*', name=name)(one)\n"
    write({"found_made._b": async_handler("unused") + makes, "found_made.a": "from found_made._b import make\n"})
    write({"found_made.c": "from found_made._b import make\nx = make('x')\n(y,) = [make('y')]\n"})
    write({"found_made.a": "from found_made._b import make\nz = make('z')\nfrom found_made import c\n"})
    assert list(loaded(["found_made"])) == ["x", "y", "z"]
    write({"refused_made.a": "from found_made._b import make\nz = make('z')\nmake('lost')\n"})
    assert refusal("refused_made").startswith("refused_made.a: the handler lost (refused_made/a.py line 3) would get")


def test_output_of_an_import_does_not_mix_with_the_output_of_a_command(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write({"found_loud.a": f"print('loud')\nimport sys\nsys.stdout.write('louder')\n{GOOD}"})
    (tmp_path / "found_loud" / "__init__.py").write_text("print('package')")
    loaded(["found_loud.a"])
    assert capsys.readouterr() == ("", "package\nloud\nlouder")


# --- what would be passed over ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("regular", [True, False])
def test_a_folder_in_the_folder_is_not_passed_over_without_a_word(
    write: Write, tmp_path: Path, *, regular: bool
) -> None:
    package = f"refused_nested_{regular}"
    inner = tmp_path / package / "social"
    write({f"{package}.a": GOOD})
    inner.mkdir()
    (inner / "post.py").write_text(async_handler("post"))
    if regular:
        (inner / "__init__.py").touch()
    assert refusal(package) == (
        f"{inner} would not be searched: add {package}.social to RECEIVER_HANDLERS, "
        "or start the folder's name with an underscore"
    )
    assert list(loaded([package, f"{package}.social"])) == ["good", "post"]
    inner.rename(inner.with_name("_social"))
    importlib.invalidate_caches()
    assert list(loaded([package])) == ["good"]


@pytest.mark.parametrize("name", ["D.PY", "d.Py"])
def test_a_file_whose_name_ends_otherwise_is_not_passed_over_without_a_word(
    write: Write, tmp_path: Path, name: str
) -> None:
    package = f"refused_{name.replace('.', '_')}"
    write({f"{package}.a": GOOD})
    (tmp_path / package / name).write_text(async_handler("other"))
    found = tmp_path / package / name
    assert refusal(package) == f"{found} would be ignored: a module's file must end in .py, not in {found.suffix}"


def test_a_folder_that_holds_no_modules_is_no_mistake(write: Write, tmp_path: Path) -> None:
    write({"found_data.a": GOOD})
    for name in ("sql", "templates/_deep", "__pycache__", ".git"):
        (tmp_path / "found_data" / name).mkdir(parents=True)
    (tmp_path / "found_data" / "sql" / "insert.sql").touch()
    (tmp_path / "found_data" / ".git" / "hook.py").touch()
    (tmp_path / "found_data" / "templates" / "_deep" / "part.py").touch()
    (tmp_path / "found_data" / "templates" / "__init__.py").write_text(async_handler("inner"))
    assert list(loaded(["found_data"])) == ["good", "inner"]


def test_a_file_whose_name_is_no_modules_is_not_passed_over(write: Write, tmp_path: Path) -> None:
    write({"refused_dotted.a": GOOD})
    dotted = tmp_path / "refused_dotted" / "show.notes.py"
    dotted.touch()
    assert refusal("refused_dotted") == f"{dotted} would be ignored: a module's name must not contain a dot"


# --- where the operator named nothing --------------------------------------------------------------------------------

OURS = ["artifacts", "failures", "pings", "timestamps", "transcripts"]


@pytest.fixture
def _fresh_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget every `handlers`, which other tests have imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "handlers"]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("_fresh_handlers")
def test_without_a_name_the_working_directorys_handlers_are_taken(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write({"handlers.mine": GOOD})
    found = loaded([])
    assert {name: discovery.shown_file(one) for name, one in found.items()} == {"good": "handlers/mine.py"}
    assert discovery.listed(found.values()) == "good (handlers/mine.py)"
    assert caplog.text == ""


@pytest.mark.usefixtures("_fresh_handlers")
def test_without_handlers_there_the_bundled_ones_are_taken_and_a_line_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The `handlers` of the checkout can be imported here too, but nobody named it."""
    caplog.set_level("INFO")
    found = loaded([])
    assert list(found) == OURS
    assert {one.module.rpartition(".")[0] for one in found.values()} == {"receiver.bundled"}
    (said,) = caplog.records
    assert said.levelname == "INFO", "nothing is wrong"
    assert f"there is no handlers/ in {tmp_path}" in said.getMessage()
    assert "receiver.bundled" in said.getMessage()
    caplog.clear()
    discovery.load(settings.load(), quiet=True)
    assert caplog.text == ""


@pytest.mark.usefixtures("_fresh_handlers")
def test_the_bundled_ones_can_be_kept_beside_ones_own(write: Write) -> None:
    write({"handlers.mine": GOOD})
    assert list(loaded(["handlers", "receiver.bundled"])) == sorted([*OURS, "good"])


@pytest.mark.usefixtures("_fresh_handlers")
@pytest.mark.parametrize("names", [
    ["handlers", "receiver.bundled"],
    ["receiver.bundled", "handlers"],
    ["handlers", "receiver.bundled.pings"],
    ["handlers.pings", "handlers", "handlers.pings"],
    ["handlers", "handlers"],
])  # fmt: skip
def test_a_file_that_two_names_lead_to_counts_once(names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a checkout `handlers` and `receiver.bundled` are one folder."""
    monkeypatch.chdir(REPOSITORY)
    assert list(loaded(names)) == OURS


def test_the_cause_of_a_refusal_is_kept(write: Write) -> None:
    write({"refused_cause.mod": "1 / 0"})
    with pytest.raises(HandlerLoadError) as refused:
        loaded(["refused_cause"])
    assert isinstance(refused.value.__cause__, ZeroDivisionError)


def test_an_interruption_is_no_refusal(write: Write) -> None:
    write({"refused_interrupt.mod": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        loaded(["refused_interrupt"])


# --- who wants what --------------------------------------------------------------------------------------------------


async def nothing(event: Event, ctx: Context) -> None:
    """Do nothing."""


WANTS = [
    ("transcription.completed", "transcription.completed", True),
    ("transcription.completed", "transcription.completed.late", False),
    ("transcription.completed", "transcription.complete", False),
    ("transcription.*", "transcription.completed", True),
    ("transcription.*", "transcription.a.b", True),
    ("transcription.*", "transcription", False),
    ("transcription.*", "transcriptions.done", False),
    ("transcription", "transcription.completed", False),
    ("*", "transcription.completed", True),
    ("*", "a", True),
    ("a.*", "b.a.c", False),
]


@pytest.mark.parametrize(("pattern", "event_type", "wanted"), WANTS)
def test_a_pattern_is_a_type_a_family_or_everything(pattern: str, event_type: str, wanted: bool) -> None:  # noqa: FBT001 - a case
    one = handler(pattern)(nothing)
    several = handler("never.this", pattern, name="several")(nothing)
    assert one.wants(event_type, SOURCE) == several.wants(event_type, SOURCE) == wanted
    assert discovery.interested([one, several], event_type, SOURCE) == (["nothing", "several"] if wanted else [])


def test_events_of_a_source_are_for_those_who_want_that_source() -> None:
    every, one = handler("*", name="every")(nothing), handler("*", name="one", sources=(SOURCE,))(nothing)
    assert discovery.interested([every, one], "a.b", SOURCE) == ["every", "one"]
    assert discovery.interested([every, one], "a.b", "other.example") == ["every"]


def test_a_source_that_does_not_exist_refuses_the_start(write: Write) -> None:
    write({"refused_source.a": async_handler("mine", '@handler("a.b", sources=("transcribe-so",))')})
    assert refusal("refused_source").startswith(
        "refused_source.a: mine: sources must be a tuple such as (\"transcribe.so\",), not 'transcribe-so'; "
        "there are transcribe.so"
    )


def test_a_handler_says_what_it_was_declared_with() -> None:
    policy = RetryPolicy(attempts=2, first=timedelta(0))
    assert handler("a", "b.*", name="n", retry=policy, timeout=2)(nothing) == Handler(
        nothing, ("a", "b.*"), "n", policy, 2
    )
    assert handler("a")(nothing) == Handler(nothing, ("a",), "nothing", RetryPolicy(), 30.0)


def test_a_handler_that_two_modules_share_is_one_handler(write: Write) -> None:
    """Made in a private module, or imported from a neighbour."""
    write({"found_shared.a": "from found_shared.b import f", "found_shared.b": async_handler("f")})
    assert list(loaded(["found_shared"])) == ["f"]


def test_a_package_may_declare_handlers_itself(write: Write, tmp_path: Path) -> None:
    write({"found_init.a": async_handler("f")})
    (tmp_path / "found_init" / "__init__.py").write_text(async_handler("g"))
    assert list(loaded(["found_init"])) == ["f", "g"]
