"""The Timbr audio API's own tables, kept in `tests/specification/timbr_audio`, against the sandbox.

`separate.txt`, `enhance.txt` and `diarize.txt` are the bodies as its page shows them: a line with a parameter's name,
type, bounds and need, then what is said of it. `stems.txt` and `options.txt` are tables, three lines a row.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.timbr_audio import orders
from tests.processes import REPOSITORY
from tests.sandbox.timbr_audio.asking import made, timbr_audio, uploaded

FOLDER = REPOSITORY / "tests" / "specification" / "timbr_audio"
HEAD = re.compile(
    r"([a-z_]*?)(string|integer|number|boolean|null|all of|any of)((?: · [a-z0-9: ]+)*)(Required|Optional)"
)
BOUND = re.compile(r"(min|max): (\d+)")


@dataclass
class Documented:
    """A parameter as documented: its types, bounds, need and default, each as text."""

    types: list[str] = field(default_factory=list)
    bounds: dict[str, int] = field(default_factory=dict)
    required: bool = False
    default: str | None = None


def rows(name: str) -> list[list[str]]:
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    return [lines[at : at + 3] for at in range(0, len(lines), 3)]


def parameters(operation: str) -> dict[str, Documented]:
    """Return the parameters of an operation by their names."""
    found, at = dict[str, Documented](), Documented()
    for line in (FOLDER / f"{operation}.txt").read_text().splitlines():
        if (head := HEAD.fullmatch(line)) is not None:
            name, kind, bounds, need = head.groups()
            if name:
                at = found[name] = Documented(required=need == "Required")
            at.types.append(kind)
            at.bounds |= {which: int(number) for which, number in BOUND.findall(bounds)}
        elif line.startswith("Default: "):
            at.default = line.removeprefix("Default: ")
    return found


PARAMETERS = {operation: parameters(operation) for operation in ("separate", "enhance", "diarize")}
STEMS = {kind: names.split(", ") for kind, names, _ in rows("stems")}
ENUMERATED = {
    kind: names.split(", ")
    for kind, names in re.findall(r"• (\S+): \d-stem \((.*)\)", (FOLDER / "separate.txt").read_text())
}
CHOICES = {
    "separation_type": list(STEMS),
    "eq_preset": next(said for name, _, said in rows("options") if name == "eq_preset").partition(": ")[2].split(", "),
}
OPTIONAL = [
    (operation, name, each) for operation, known in PARAMETERS.items() for name, each in known.items()
    if not each.required
]  # fmt: skip


def default(said: str | None) -> object:
    """Return a default as a value."""
    if said in (None, "true", "false"):
        return None if said is None else said == "true"
    if said[0].isalpha():
        return said
    return float(said) if "." in said else int(said)


def good(name: str, each: Documented) -> list[Any]:
    """Return what a parameter may be: its default, its bounds, its choices, and null where that is a type."""
    values = [*each.bounds.values(), *CHOICES.get(name, [])] + ([True, False] if "boolean" in each.types else [])
    values += [0, 0.25] if "number" in each.types else []
    return values + ([None] if "null" in each.types else [default(each.default)])


def bad(each: Documented) -> list[Any]:
    """Return what a parameter may not be: beyond its bounds, or of another type."""
    values: list[Any] = [number - 1 if which == "min" else number + 1 for which, number in each.bounds.items()]
    values += [-0.01, float("nan"), True] if "number" in each.types else [1.5] if "integer" in each.types else []
    return (
        [*values, ["x"], {}] + ([] if "string" in each.types else ["else"]) + ([] if "null" in each.types else [None])
    )


@pytest.mark.parametrize(
    ("operation", "name", "value"),
    [(operation, name, value) for operation, name, each in OPTIONAL for value in good(name, each)],
)
def test_every_documented_parameter_is_taken_with_every_documented_value(
    operation: str, name: str, value: object
) -> None:
    assert orders.read(operation, {"file_id": "x", name: value}).wishes[name] == value


@pytest.mark.parametrize(
    ("operation", "name", "value"),
    [(operation, name, value) for operation, name, each in OPTIONAL for value in bad(each)],
)
def test_a_value_outside_what_is_documented_is_refused_by_name(operation: str, name: str, value: object) -> None:
    with pytest.raises(RefusalError) as refused:
        orders.read(operation, {"file_id": "x", name: value})
    assert refused.value.status == 422
    detail: Any = refused.value.extra["detail"]
    assert [problem["loc"] for problem in detail] == [["body", name]]


@pytest.mark.parametrize("operation", PARAMETERS)
def test_parameters_needs_and_defaults_are_those_that_are_documented(operation: str) -> None:
    known = PARAMETERS[operation]
    wishes = orders.read(operation, {"file_id": "x"}).wishes
    assert wishes == {name: default(each.default) for name, each in known.items() if not each.required}
    assert [name for name, each in known.items() if each.required] == ["file_id"]
    for file_id in (None, "", 1):
        with pytest.raises(RefusalError):
            orders.read(operation, {"file_id": file_id})


@pytest.mark.parametrize(("knob", "documented"), [("speech", STEMS), ("dialogue", ENUMERATED)])
@pytest.mark.parametrize("kind", STEMS)
@pytest.mark.parametrize("shape", ["map", "list"])
async def test_a_separation_brings_the_documented_stems(
    knob: str, documented: dict[str, list[str]], kind: str, shape: str
) -> None:
    async with timbr_audio(stems=knob, result=shape) as client:
        job = await made(client, "separate", separation_type=kind)
    names = list(job["result"]) if shape == "map" else [link["name"] for link in job["result"]]
    assert names == documented[kind]


async def test_a_refused_job_says_which_parameters_are_wrong_and_how() -> None:
    async with timbr_audio() as client:
        body = {"file_id": await uploaded(client), "sample_rate": 4000, "bit_depth": 64}
        answer = await client.post("audio/separate", json=body)
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            {"type": "value_error", "loc": ["body", name], "msg": f"{name} must be a whole number from {range_}"}
            for name, range_ in (("sample_rate", "8000 to 192000"), ("bit_depth", "8 to 32"))
        ]
    }
