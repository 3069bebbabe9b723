"""Read lists of image names, such as train.txt, and find the files that they name.

A line holds one name: with or without suffix and folder, and possibly with more columns, which are not read. Names may
contain spaces. UTF-8, UTF-16 and Windows-1252 are decoded, and any line ends are accepted.
"""

import codecs
import os
import re
import unicodedata
from pathlib import Path

from ris_tf.data.images.single import IMAGE_SUFFIXES
from ris_tf.errors import DataError

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is the beginning of this one
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEPARATOR = re.compile(r"[\s,;]+")


def read_lines(file: Path) -> list[str]:
    """Reads the lines of a list without blank lines and without surrounding spaces.

    Raises:
        DataError: the file cannot be read or has no line.
    """
    expected = "expected one image name per line"
    try:
        text = _decoded(file.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read ({type(error).__name__}); {expected}") from error
    lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    if not lines:
        raise DataError(f"{file}: is empty; {expected}")
    return lines


def _decoded(content):
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding)
    if b"\0" in content:  # UTF-16 without its mark
        return content.decode("utf-16-le" if content[1:2] == b"\0" else "utf-16-be")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252")


class Named:
    """The image files in a folder and its subfolders, which can be found by name.

    Args:
        folder: Path of the folder.
        suffix: suffix that a name without suffix stands for if several files differ only in their suffix.
    """

    def __init__(self, folder: Path, suffix: str):
        self.folder, self._suffix = folder, suffix
        self._files: dict[str, list[str]] = {}  # paths in the folder, by these paths with and without suffix
        for where, _, files in os.walk(folder):
            inside = os.path.relpath(where, folder)
            for file in sorted(files):
                if file.lower().endswith(IMAGE_SUFFIXES) and not file.startswith("."):
                    path = file if inside == "." else os.path.join(inside, file)
                    for key in (path, os.path.splitext(path)[0]):
                        self._files.setdefault(_key(key), []).append(path)

    def find(self, text: str) -> Path | None:
        """Path of the file that `text` names, with or without suffix and folder; None if there is no such file.

        Raises:
            DataError: several files have this name.
        """
        inside = text.strip("\"'").replace("\\", "/").removeprefix("./")
        name = re.sub(rf"^(.*/)?{re.escape(self.folder.name)}/", "", inside)
        bare, suffix = os.path.splitext(name)
        found = self._files.get(_key(name)) or (suffix.lower() in IMAGE_SUFFIXES and self._files.get(_key(bare))) or []
        usual = [file for file in found if file.endswith(self._suffix)]
        if len(found) > 1 and len(usual) != 1:
            raise DataError(f"{self.folder}: {text!r} may be {', '.join(found)}; expected one file for each name")
        return self.folder / (usual or found)[0] if found else None

    def name_of(self, file: Path) -> str:
        """Name of a file: its path in the folder without suffix."""
        return file.relative_to(self.folder).with_suffix("").as_posix()


def _key(path):
    return unicodedata.normalize("NFC", path.replace(os.sep, "/"))  # macOS may store names in another normal form


def names_in(file: Path, images: Named) -> list[str]:
    """Reads a list; returns the names of its images as in `Named.name_of`, sorted, each once.

    The name of a missing image is the first column of its line.

    Raises:
        DataError: the list cannot be read, or it can be understood in two ways.
    """
    lines = read_lines(file)
    whole = [images.find(line) for line in lines]
    first = [_first_column(line, images) for line in lines]
    if all(whole):
        if first != whole and all(first) and len(set(first)) == len(set(whole)):
            n = next(n for n, (a, b) in enumerate(zip(whole, first, strict=True)) if a != b)
            raise DataError(
                f"{file}: the line {lines[n]!r} may name {whole[n].name}, or {first[n].name} with a second column; "
                "expected names with their suffixes"
            )
        found = whole
    elif all(first):
        found = first
    else:
        found = [one or other for one, other in zip(whole, first, strict=True)]
    return sorted({images.name_of(f) if f else _SEPARATOR.split(t)[0] for f, t in zip(found, lines, strict=True)})


def _first_column(line, images):
    """The file named by the longest beginning of a line that ends before a separator; of the whole line if none is."""
    ends = [match.start() for match in _SEPARATOR.finditer(line)]
    last = line[ends[-1] :].strip() if ends else ""
    if Path(last).suffix.lower() in IMAGE_SUFFIXES and images.find(line):
        return images.find(line)  # the suffix shows that the name is complete
    return next((file for end in reversed(ends) if (file := images.find(line[:end]))), None) or images.find(line)
