"""Say how to install what one of our extras brings.

It names the libraries, not us: no index has this package, and another project has our name on PyPI.
"""

import re
import shlex
from importlib import metadata

_NEEDED = re.compile(r"(?P<library>[^;]+?)\s*;\s*extra == ['\"](?P<extra>\w+)['\"]")


def to_install(extra: str) -> str:
    """Return the command that installs the libraries of an extra."""
    try:
        needed = metadata.requires("receiver") or ()
    except metadata.PackageNotFoundError:  # run from a checkout
        needed = ()
    found = [one["library"] for one in map(_NEEDED.fullmatch, needed) if one is not None and one["extra"] == extra]
    return f"pip install {shlex.join(found)}" if found else f"pip install -e {shlex.quote(f'.[{extra}]')}"
