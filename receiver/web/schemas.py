"""JSON Schema of the documents that other programs read, made from their classes.

event        what `forward` sends                        handling.announcement.Announcement
transcript   `receiver transcript --format json`         transcripts.Transcript
submission   each of `receiver submissions --json`       submissions.records.Submission

The descriptions are those of the classes' docstrings. A later version can add fields.
"""

import inspect
import re
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from receiver.handling.announcement import Announced, Announcement
from receiver.submissions.records import SHOWN, Submission
from receiver.transcripts import Transcript

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DOCUMENTS: Mapping[str, type] = {"event": Announcement, "transcript": Transcript, "submission": Submission}

_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n        .+)*)", re.MULTILINE)
_OPTIONAL = "words"  # segments whose words have no times have none
# What documents have beside the fields of their classes, or say otherwise.
_MORE: Mapping[type, Mapping[str, Schema]] = {
    Transcript: {"text": {"type": "string", "description": "The spoken text, a paragraph for each speaker's turn."}},
    Submission: {"options": {"type": "object", "description": "The options of the operation, as they were asked for."}},
}
_SAID_OF_SUBMISSIONS = {
    "recording": "the name of the file, or the web address",
    "if_lost": "what a lost answer means: a person is asked, it is sent once more, or it has failed",
    "remote_id": "the provider's id of the work; null before it is known",
    "paid_tries": "how often it was sent and might have been paid for",
    "permitted_tries": "how often it can be sent before a person is asked",
    "said": "what the provider said last of its state, in its own words",
    "charged": "what the provider has charged for it, in `unit`",
    "balance_before": "what the account had just before it was sent",
    "seen_at": "when the provider last knew it",
    "look_at": "when the provider is asked about it next",
    "overdue_at": "since when it takes too long",
}


def document(name: str) -> Schema:
    """Return the schema of a document of `DOCUMENTS`, with the definitions that it needs."""
    known = definitions("#/$defs/{model}", [DOCUMENTS[name]])
    found = known.pop(DOCUMENTS[name].__name__)
    if name == "event":
        known |= definitions("#/$defs/{model}", [Transcript])
    return {"$schema": DIALECT, "title": name, **found} | ({"$defs": known} if known else {})


def definitions(template: str, classes: Collection[Any], *, read: Collection[Any] = ()) -> dict[str, Schema]:
    """Return the schemas of classes, and of those that these have fields of, by the names of the classes.

    Args:
        template: the address of a schema, with `{model}` for its name.
        classes: those that are written. The schema of an event means that of `Transcript` too.
        read: those that are read.
    """
    inputs = [(one.__name__, "serialization", TypeAdapter(one)) for one in classes]
    inputs += [(one.__name__, "validation", TypeAdapter(one)) for one in read]
    _, found = TypeAdapter.json_schemas(inputs, ref_template=template, schema_generator=_Schemas)  # type: ignore[arg-type]
    known: dict[str, Schema] = found["$defs"]
    if (announced := known.get(Announced.__name__)) is not None:
        announced["properties"]["transcript"]["anyOf"][0] = {"$ref": template.format(model=Transcript.__name__)}
    return known


class _Schemas(GenerateJsonSchema):
    """Schemas of what is written: every field is there, and its description is that of the docstring."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the base's signature
        """Set no title: it would only repeat the name."""
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        """Leave defaults out: they say nothing of what is written."""
        return self.generate_inner(schema["schema"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> Schema:
        """Describe a class and its fields by its docstring; of a submission only what is told of it."""
        own, known = schema["cls"], super().dataclass_schema(schema)["properties"] | _MORE.get(schema["cls"], {})
        about, said = _docstring(own)
        names = SHOWN if own is Submission else tuple(known)
        return {
            "type": "object",
            "description": about,
            "properties": {name: known[name] | said.get(name, {}) for name in names},
            "required": [name for name in names if name != _OPTIONAL],
        }


def _docstring(own: type) -> tuple[str, Mapping[str, Schema]]:
    """Return what a class says of itself, and the description of each of its attributes that has one."""
    if own is Submission:
        about, said = "What a provider was asked for, and what has become of it.", _SAID_OF_SUBMISSIONS
    else:
        about, _, attributes = inspect.cleandoc(own.__doc__ or "").partition("\n\nAttributes:\n")
        said = dict(_ATTRIBUTE.findall(attributes))
    return " ".join(about.split()), {name: {"description": " ".join(text.split())} for name, text in said.items()}
