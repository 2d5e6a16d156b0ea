"""The wheel holds everything: built, installed elsewhere, it migrates with its own SQL and finds its handlers."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from tests.processes import REPOSITORY


def test_a_wheel_installed_elsewhere_migrates_and_has_the_bundled_handlers(
    folder: Path, receiver_database: str
) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    wheel = next(folder.glob("receiver-*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert "receiver/sql/migrations/0001_spine.sql" in names
    assert not [name for name in names if name.startswith("tests/")]
    venv.create(folder / "elsewhere", with_pip=False, symlinks=True)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = folder / "elsewhere" / "lib" / version / "site-packages"
    zipfile.ZipFile(wheel).extractall(packages)
    # The dependencies are this environment's; the editable install of the checkout is not taken along.
    dependencies = next(path for path in map(Path, sys.path) if (path / "asyncpg").is_dir())
    code = f"import sys; sys.path.append({str(dependencies)!r}); from receiver.cli import main; main()"
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "COVERAGE_PROCESS_START")}
    for arguments, said in (
        (["migrate"], "the schema is up to date"),
        (["handlers"], "transcripts"),
        (["events"], ""),
    ):
        ran = subprocess.run(
            [folder / "elsewhere" / "bin" / "python", "-c", code, *arguments],
            cwd=folder, env=environment | {"DATABASE_URL": receiver_database}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert said in ran.stdout
