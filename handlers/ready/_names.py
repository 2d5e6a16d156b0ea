"""Names of files, made of a template and of what others have written, such as a title. Pure.

A name is harmless on every system: it names one file in its own folder, is not hidden, is not taken for an option, is
not reserved by Windows, and shows every character that it has. Names that a system could take for the same one have the
same `folded` form.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping

from receiver import is_unseen

STEM_BYTES, ID_BYTES, FOLDER_BYTES = 160, 40, 80  # of UTF-8; with the longest ending a name stays below 255

# Separators; what Windows refuses; what the links of Obsidian cannot contain.
_FORBIDDEN = re.compile(r'[/\\<>:"|?*#^\[\]]|\s')
_EDGES = " .-~"  # at the beginning; at the end Windows leaves out spaces and dots
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)", re.IGNORECASE)
_OF_A_SITE = re.compile(r"\A_*index(?=\.|\Z)", re.IGNORECASE)  # to Hugo such a file stands for its whole folder
_MEDIA = re.compile(
    r"(?<=.)\.(aac|aiff?|avi|flac|m4[abv]|mka|mkv|mov|mp3|mp4|mpe?g|mpga|og[agv]|opus|wav|web[am]|wma|wmv)\s*\Z",
    re.IGNORECASE,
)


def candidates(template: str, fields: Mapping[str, str], owner: tuple[str, ...]) -> Iterator[str]:
    """Yield the paths that a transcription's files can have, without their endings, the best one first.

    The second one has the id too, for a name that another transcription has. The last one has a digest of `owner`,
    which is the source, the API URL and the id.
    """
    harmless = {name: _plain(value) for name, value in fields.items()}
    harmless["title"] = harmless["title"] if harmless["title"].strip(_EDGES) else harmless["id"]
    *folders, stem = (part.format_map(harmless) for part in template.split("/"))
    above = "".join(f"{_part(folder, FOLDER_BYTES)}/" for folder in folders)
    stem = _part(stem, STEM_BYTES)
    yield above + stem
    yield f"{above}{stem} ({_part(fields['id'], ID_BYTES)})"
    yield f"{above}{stem} ({hashlib.sha256(repr(owner).encode()).hexdigest()[:16]})"


def folded(path: str) -> str:
    """Return what the names have in common that a system could take for the same one."""
    return unicodedata.normalize("NFC", path.casefold())


def part(text: str) -> str:
    """Return a harmless name for one file, which keeps its ending unless it is too long."""
    return _part(text, STEM_BYTES)


def without_media_ending(title: str) -> str:
    """Return a title without what ends the name of a recording, such as `.mp3`."""
    return _MEDIA.sub("", title)


def _part(text: str, most: int) -> str:
    """Return a harmless name of at most `most` bytes, and one that is not empty."""
    kept = _plain(text).encode()[: most - 2].decode(errors="ignore").lstrip(_EDGES).rstrip(" .")
    kept = _OF_A_SITE.sub(r"\g<0>_", kept)
    return f"_{kept}" if _RESERVED.match(kept) else kept or "_"


def _plain(text: str) -> str:
    """Return a text on one line in NFC, without what no name can contain."""
    spaced = _FORBIDDEN.sub(" ", unicodedata.normalize("NFC", text))
    return unicodedata.normalize("NFC", " ".join("".join(filter(_is_shown, spaced)).split()))


def _is_shown(one: str) -> bool:
    """Whether a character shows something: names that look the same would differ without it."""
    return one == " " or (one.isprintable() and not one.isspace() and not is_unseen(one))
