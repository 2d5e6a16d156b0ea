"""`receiver.settings.ready_files`: what files are called; `test_model` has the refusals."""

import pytest

from handlers.ready import _names
from receiver.settings import places, ready_files, values

LONGEST = dict.fromkeys(ready_files.FIELDS, "ΐ" * 300)


def test_the_longest_path_fits_into_a_buckets_key_and_an_index() -> None:
    template = ready_files.template("{title}/{title}/{title}/{title}")
    for name in _names.candidates(template, LONGEST, ("source",)):
        assert len(f"{name}.artifacts/{_names.part('x' * 300)}".encode()) + 300 < 1024
        assert len(_names.folded(name).encode()) + places.PLACE_BYTES < 2700


@pytest.mark.parametrize("template", ["{date} {title}", "{source}/{account}/{id}/{title}", "{title}.{id}", "a {id} b"])
def test_every_field_of_a_template_is_one_that_names_are_made_of(template: str) -> None:
    assert list(_names.candidates(ready_files.template(template), LONGEST, ("source",)))


def test_an_extra_whose_library_is_missing_is_told_with_how_to_get_it() -> None:
    values.need_extra("s3", "obstore")
    with pytest.raises(ValueError, match=r"^needs the extra `s3`: pip install 'obstore>=0\.8'$"):
        values.need_extra("s3", "no_such_module_anywhere")
