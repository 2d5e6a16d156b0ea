"""Rules of the house that no linter knows: each is held by reading the sources."""

import ast
import re
from pathlib import Path

from tests.processes import REPOSITORY

CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]*")

# What no caller says, because it is the machine's: where a distribution and a system keep things. An argument for it
# would go through every command that opens the database, for the tests alone.
OF_THE_MACHINE = {"binaries.SYSTEM", "binaries.STATE_DIR", "data_folder.STATE_DIR"}


def test_deadlines_and_bounds_enter_a_test_by_argument_and_no_constant_is_patched() -> None:
    """What patches one depends on where it stands, and says nothing of what its users may choose."""
    sources = {*(REPOSITORY / "tests").rglob("*.py")} - {Path(__file__)}
    patched = {name for path in sources for name in _set_in(path)}
    assert patched == OF_THE_MACHINE


def test_a_constant_that_is_patched_is_seen_however_it_is_done(tmp_path: Path) -> None:
    ways = {
        'from receiver.web import body\npatch.setattr(body, "ONE", 1)': {"body.ONE"},
        'from receiver.web import body as web_body\nsetattr(web_body, "ONE", 1)': {"body.ONE"},
        'patch.setattr("receiver.web.body.ONE", 1)': {"body.ONE"},
        'patch("receiver.web.body.ONE", 1)': {"body.ONE"},
        "import receiver.web.body\nreceiver.web.body.ONE = 1": {"body.ONE"},
        "from receiver.web import body\nbody.ONE += 1": {"body.ONE"},
        "from receiver.web import body\ndel body.ONE": {"body.ONE"},
        'from receiver.web import body\npatch.setitem(vars(body), "ONE", 1)': {"body.ONE"},
        'CHILD = """\nfrom receiver.web import body\nbody.ONE = 1\n"""': {"body.ONE"},
        'from receiver.web import body\npatch.setattr(body, "read", 1)\nbody.one = body.ONE': set(),
        'import socket\npatch.setattr(socket, "SO_REUSEADDR", 1)': set(),
    }
    for source, names in ways.items():
        (tmp_path / "test_x.py").write_text(source)
        assert _set_in(tmp_path / "test_x.py") == names, source


def test_a_secret_is_unwrapped_by_the_settings_and_by_who_asks_a_provider_alone() -> None:
    """Everybody else is handed it plain, under a name that says what it is for."""
    unwrapping = {
        path.relative_to(REPOSITORY)
        for folder in ("receiver", "handlers")
        for path in (REPOSITORY / folder).rglob("*.py")
        if "get_secret_value" in path.read_text()
    }
    providers = {path for path in unwrapping if path.is_relative_to("receiver/providers")}
    settings = {path for path in unwrapping if path.is_relative_to("receiver/settings")}
    assert settings
    assert unwrapping - providers == settings


def _set_in(path: Path) -> set[str]:
    """Return `module.NAME` of each constant of ours that a source sets, also in programs that it holds as text."""
    tree = ast.parse(path.read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {name for one in (tree, *_programs(texts)) for name in _set(one)}


def _programs(texts: list[str]) -> list[ast.Module]:
    found = list[ast.Module]()
    for text in texts:
        if "receiver" in text and "\n" in text:
            try:
                found.append(ast.parse(text))
            except SyntaxError:  # it is none
                continue
    return found


def _set(tree: ast.Module) -> set[str]:
    ours = _ours(tree)
    found = set[tuple[str, str]]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            found.add((ast.unparse(node.value), node.attr))
        if isinstance(node, ast.Call) and node.args:
            function = ast.unparse(node.func).rpartition(".")[2]
            first, second = node.args[0], node.args[1] if len(node.args) > 1 else None
            if isinstance(first, ast.Constant) and "patch" in ast.unparse(node.func):
                module, _, name = str(first.value).rpartition(".")
                found.add((module, name))
            elif isinstance(second, ast.Constant) and function in (
                "setattr",
                "delattr",
                "setitem",
                "delitem",
                "object",
            ):
                found.add((ast.unparse(first).removeprefix("vars(").rstrip(")"), str(second.value)))
    return {
        f"{ours.get(where, where).rpartition('.')[2]}.{name}"
        for where, name in found
        if ours.get(where, where).split(".")[0] == "receiver" and CONSTANT.fullmatch(name)
    }


def _ours(tree: ast.Module) -> dict[str, str]:
    """Return the whole names of what a source has imported of ours, by the names that it has given them."""
    found = dict[str, str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "receiver":
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        if isinstance(node, ast.Import):
            found |= {one.asname: one.name for one in node.names if one.asname is not None}
    return found
