"""Files to run receiver elsewhere: in containers, or as a service of systemd. `receiver deploy` prints them.

Containerfile      an image, for `podman build` and `docker build`
compose.yaml       the processes of that image beside a PostgreSQL
receiver.service   `receiver up` as a unit of systemd
"""

from collections.abc import Mapping
from importlib import resources

FILES: Mapping[str, str] = {"container": "Containerfile", "compose": "compose.yaml", "systemd": "receiver.service"}


def text(where: str) -> str:
    """Return the file for one of the places of `FILES`."""
    return resources.files(__name__).joinpath(FILES[where]).read_text(encoding="utf-8")
