"""Count how the tree keeps its rooms apart: `.venv/bin/python -m tests.rooms`.

A room is a folder of `receiver/`. What lies beside the folders (errors, events, signature, failpoints) is the ground on
which all of them stand, and no room. A file's foreign rooms are those it imports from, whether by their faces or their
modules, for types too.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import grimp

REPOSITORY = Path(__file__).parent.parent
PACKAGE = REPOSITORY / "receiver"
LONG_FUNCTION = 40
LONG_MODULE = 320


def entries() -> list[str]:
    """Return what lies in `receiver/`; of a folder that is gone, compiled modules may be left."""
    return sorted(path.name for path in PACKAGE.iterdir() if path.is_file() or any(path.glob("*.py")))


def sources() -> list[Path]:
    """Return every module of `receiver/`."""
    return sorted(PACKAGE.rglob("*.py"))


def rooms() -> list[str]:
    """Return the names of the folders of `receiver/` that have modules."""
    return sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def untold() -> dict[str, list[str]]:
    """Return, for each room whose docstring does not name all its modules and rooms, those that it leaves out."""
    found = dict[str, list[str]]()
    for face in PACKAGE.rglob("*/__init__.py"):
        told = set(re.findall(r"\w+", ast.get_docstring(ast.parse(face.read_text())) or ""))
        inside = {path.stem for path in face.parent.glob("*.py")} - {"__init__", "__main__"}
        inside |= {path.parent.name for path in face.parent.glob("*/__init__.py")}
        if missing := sorted(inside - told):
            found[str(face.parent.relative_to(PACKAGE))] = missing
    return found


def foreign_rooms() -> dict[str, set[str]]:
    """Return, for each file in a room, the other rooms that it imports from."""
    known, found = rooms(), dict[str, set[str]]()
    for path in sources():
        place = path.relative_to(PACKAGE)
        if len(place.parts) > 1:
            found[str(place)] = {room for room in _imported(path) if room in known} - {place.parts[0]}
    return found


def _imported(path: Path) -> Iterator[str]:
    """Yield the names right below `receiver` that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            first, *rest = node.module.split(".")
            if first == "receiver":
                yield from rest[:1] or [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                first, *rest = alias.name.split(".")
                if first == "receiver":
                    yield from rest[:1]


def graph() -> "grimp.ImportGraph":
    """Return which module of `receiver` imports which."""
    return grimp.build_graph("receiver", cache_dir=None)


def arrows(graph: "grimp.ImportGraph") -> set[tuple[str, str]]:
    """Return which of what lies in `receiver/` imports which other."""
    found = set()
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            one, two = (name.split(".")[1:2] for name in (module, other))
            if one and two and one != two:
                found.add((one[0], two[0]))
    return found


def cycles(graph: "grimp.ImportGraph") -> list[str]:
    """Return the modules that import themselves, by way of others."""
    return sorted(
        module for module in graph.modules
        for other in graph.find_modules_directly_imported_by(module)
        if other != module and graph.chain_exists(importer=other, imported=module)
    )  # fmt: skip


def long_functions() -> dict[str, int]:
    """Return the functions of more than 40 lines, with their lines."""
    found = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONG_FUNCTION:
                    found[f"{path.relative_to(PACKAGE)}: {node.name}"] = length
    return found


def long_modules() -> dict[str, int]:
    """Return the modules of more than 320 lines, with their lines."""
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in sources()}
    return {name: length for name, length in lengths.items() if length > LONG_MODULE}


def modules_of_the_tests() -> list[str]:
    """Return the modules on the first level of `tests/`."""
    return sorted(path.name for path in (REPOSITORY / "tests").glob("*.py"))


def statements_without_a_room() -> list[str]:
    """Return the SQL files on the first level of `sql/queries/`."""
    return sorted(path.name for path in (REPOSITORY / "sql/queries").glob("*.sql"))


def report() -> str:
    """Return every count, a line each."""
    found, imports = foreign_rooms(), graph()
    lines = {
        "entries in receiver/": len(entries()),
        "modules on one level of tests/": len(modules_of_the_tests()),
        "statements without a room": len(statements_without_a_room()),
        "arrows between entries": len(arrows(imports)),
        "modules in import cycles": len(cycles(imports)),
        f"modules over {LONG_MODULE} lines": long_modules() or 0,
        f"functions over {LONG_FUNCTION} lines": long_functions() or 0,
        "foreign rooms of a file, mean": f"{mean(map(len, found.values())):.2f}",
    }
    for room in rooms():
        own = [len(others) for name, others in found.items() if name.split("/")[0] == room]
        lines[f"  {room}, {len(own)} files"] = f"{mean(own):.2f}"
    return "\n".join(f"{name:<32} {count}" for name, count in lines.items())


if __name__ == "__main__":
    print(report())  # noqa: T201 - what it is for
