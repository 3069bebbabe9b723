"""Tell the crowd regions of a COCO file from masks of single objects that a tool has marked as crowds.

In COCO, a crowd (`iscrowd` 1) is one region for all objects of a category that nobody outlined one by one, after 10 to
15 objects of the category were outlined in the same image. There is at most one to an image and category. COCO stores
crowds as run lengths and objects as polygons. Some tools therefore mark every mask that they store as run lengths as a
crowd: a mask painted with a brush, or one with a hole or several parts.

Source: Lin et al. 2014, "Microsoft COCO: common objects in context".
"""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from ris_tf.data.readers.coco_entries import Annotations
from ris_tf.data.readers.coco_outlines import draw, parts_of
from ris_tf.errors import DataError

_OUTLINED = 10  # objects of a category that COCO outlines in an image before it marks a crowd
_ALL = "every object of the file is marked so"
_SEVERAL = "an image has several of them in one category, but COCO marks at most one crowd to an image and category"
_UNEVEN = "each has a hole or several parts, and the objects that are not marked have neither"


def is_marked(entry: dict) -> bool:
    """Whether an annotation is marked as a crowd."""
    return bool(entry.get("iscrowd")) and entry["iscrowd"] != "0"


def is_region(entry: dict) -> bool:
    """Whether an annotation is a crowd in any case: it is marked as a crowd and has "ignore": 1."""
    return is_marked(entry) and bool(entry.get("ignore"))


def judge(file: Path, found: Annotations, others: Callable[[], Iterable[tuple[Path, Annotations]]]) -> tuple[str, bool]:
    """Decides whether the annotations of a file that are marked as crowds are masks of single objects.

    Args:
        file: annotation file, for messages.
        found: its entries.
        others: function that parses the annotation files of the other splits. It is called only if the file itself
            does not settle the question.

    Returns:
        Why the marked annotations are single objects ("" if they are crowds), and whether that is certain.
    """
    reason, certain = _judged(file, found)
    if certain:
        return reason, certain
    for other in others():
        other_reason, settled = _judged(*other)
        if settled and other_reason:
            return f"{other_reason} (in {other[0].name})", True
    return reason, certain


def _judged(file, found):
    marked, unmarked = [], []
    for key, entries in found.objects.items():
        for entry in entries:
            if not is_region(entry):
                (marked if is_marked(entry) else unmarked).append((key, entry))
    if not marked:
        return "", True
    if not unmarked:
        return _ALL, True
    # A tool that stores objects as run lengths too, or crowds as polygons, does not mark a crowd by its form.
    forms = {_is_runs(entry) for _, entry in marked}, {_is_runs(entry) for _, entry in unmarked}
    if forms != ({True}, {False}):
        return "", True
    crowds = Counter((key, entry["category_id"]) for key, entry in marked)
    if max(crowds.values()) > 1:
        return _SEVERAL, True
    outlined = Counter((key, entry["category_id"]) for key, entry in unmarked)
    if all(outlined[place] >= _OUTLINED for place in crowds):
        return "", True
    if any(len(parts_of(entry["segmentation"])) > 1 for _, entry in unmarked):
        return "", False
    uneven = all(_is_uneven(file, found.images[key], entry) for key, entry in marked)
    return (_UNEVEN if uneven else ""), False


def _is_runs(entry):
    return isinstance(entry["segmentation"], dict)


def _is_uneven(file, listed, entry):
    """Whether the mask of an annotation has a hole or several parts."""
    try:
        mask = draw(file, listed, entry)
    except DataError:
        return False  # reported when the image is read
    from scipy import ndimage  # a light installation lacks SciPy

    return ndimage.label(mask)[1] > 1 or bool((ndimage.binary_fill_holes(mask) != mask).any())
