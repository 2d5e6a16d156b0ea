"""The bundled handlers. In a checkout they are in the folder `handlers/`; in the wheel they are in this package."""

from pathlib import Path

__path__ = [str(Path(__file__).parents[2] / "handlers")]
