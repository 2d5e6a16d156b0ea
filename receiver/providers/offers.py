"""Tell what a source offers: its operations, and each option as its model has it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from receiver.providers.orders import Wishes
from receiver.providers.seam import Source

TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}


@dataclass(frozen=True, slots=True)
class Offered:
    """An option of an operation.

    Attributes:
        name: the provider's name of it.
        type: such as `whole number`; of a list, that of its members.
        is_list: whether it can be given several times.
        choices: all the values that it can have; empty if there are others.
        least: the smallest number.
        most: the largest number.
        default: what is sent if it is not given; None if nothing is.
        is_required: whether it must be given.
    """

    name: str
    type: str
    is_list: bool
    choices: tuple[Any, ...]
    least: float | None
    most: float | None
    default: Any
    is_required: bool

    @property
    def said(self) -> str:
        """What it can be, in words."""
        what = f"one of {', '.join(map(str, self.choices))}" if self.choices else self.type
        if self.least is not None:
            what += f" from {self.least:g}"
        if self.most is not None:
            what += f" to {self.most:g}" if self.least is not None else f" up to {self.most:g}"
        return f"{what}; it can be repeated" if self.is_list else what


def options(kind: type[Wishes]) -> Iterator[Offered]:
    """Yield the options of an operation, the required ones first."""
    schema = kind.model_json_schema()
    required = schema.get("required", ())
    for name, field in sorted(schema.get("properties", {}).items(), key=lambda item: item[0] not in required):
        own = _without_null(field)
        member = own.get("items", own)
        choices = (member["const"],) if "const" in member else tuple(member.get("enum", ()))
        yield Offered(
            name, TYPES.get(member.get("type", ""), "value"), "items" in own, choices, member.get("minimum"),
            member.get("maximum"), field.get("default"), name in required,
        )  # fmt: skip


def _without_null(field: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an option is if it is given."""
    kinds: list[Mapping[str, Any]] = [one for one in field.get("anyOf", ()) if one.get("type") != "null"]
    return kinds[0] if len(kinds) == 1 else field


def to_json(source: type[Source]) -> dict[str, Any]:
    """Return what a source offers, as JSON."""
    return {
        "source": source.name,
        "needed": source.variables.needed("default"),
        "takes": sorted(source.takes) if source.operations else [],
        "waits_for_result": source.synchronous,
        "unit": source.unit or None,
        "limits": asdict(source.limits),
        "operations": {
            name: [asdict(option) for option in options(kind)] for name, kind in source.operations.items()
        },
    }  # fmt: skip
