"""The list of mutants fits the code: each can be applied, once, and its tests exist."""

from collections import Counter
from functools import cache

from tests.mutants import MUTANTS, REPOSITORY, Mutant


@cache
def text(path: str) -> str:
    return (REPOSITORY / path).read_text()


def fits(mutant: Mutant) -> bool:
    once = text(mutant.path).count(mutant.right) == 1
    return once and mutant.right != mutant.wrong and all((REPOSITORY / path).exists() for path in mutant.files)


def test_every_mutant_can_be_applied() -> None:
    """It is one test, because a thousand would be collected by each process that runs tests."""
    assert [mutant.name for mutant in MUTANTS if not fits(mutant)] == []


def test_there_are_enough_and_they_have_names_of_their_own() -> None:
    assert [name for name, times in Counter(mutant.name for mutant in MUTANTS).items() if times > 1] == []
    assert len(MUTANTS) >= 15
