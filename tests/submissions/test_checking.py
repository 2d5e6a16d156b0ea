"""`submissions.checking`: each mistake is said by the name of what it is about."""

import pytest
from pydantic import BaseModel, ConfigDict, Field

from receiver.submissions.checking import MistakesError, checked


class Two(BaseModel):
    """What can be asked for."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=1)
    text: str


def test_what_is_right_is_returned() -> None:
    assert checked(Two, {"number": "2", "text": "x"}, of="it") == Two(number=2, text="x")


def test_each_mistake_has_its_name_and_all_are_said() -> None:
    with pytest.raises(MistakesError) as caught:
        checked(Two, {"number": "0", "colour": "red"}, of="it")
    assert caught.value.at == {
        "number": "number: must be greater than or equal to 1", "text": "text is required",
        "colour": "there is no option colour; there are number, text",
    }  # fmt: skip
    assert str(caught.value) == f"it: {'; '.join(caught.value.at.values())}"
