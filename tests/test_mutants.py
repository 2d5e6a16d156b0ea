"""The list of mutants fits the code: each can be applied, once, and its tests exist."""

import pytest

from tests.mutants import MUTANTS, REPOSITORY, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_can_be_applied(mutant: Mutant) -> None:
    assert (REPOSITORY / mutant.path).read_text().count(mutant.right) == 1
    assert mutant.right != mutant.wrong
    assert all((REPOSITORY / path).exists() for path in mutant.files)


def test_there_are_enough_and_they_have_names_of_their_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 15
