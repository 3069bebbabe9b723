"""Read annotations of VIA, the VGG Image Annotator: one file via*.json beside the images, as exported or a project.

Polygons, polylines, circles and ellipses are objects; rectangles, which are boxes around objects, and points are left
out. The category is the value of the only attribute of a region, or of the first whose name is in `_CATEGORY`. VIA runs
in a browser, which turns images upright as their EXIF orientation says, and so do its coordinates.
"""

import math
from collections import Counter
from functools import partial

import numpy as np

from ris_tf.data.images.single import entries, images_in, passed_over
from ris_tf.data.readers.json_files import read_json
from ris_tf.data.readers.outlines import Annotated, Outline, chosen_of, left_out, paint_polygons, read
from ris_tf.data.readers.splits import Listing, in_folders
from ris_tf.errors import DataError
from ris_tf.wording import counted

_EXPECTED = "expected annotations of VIA"
_CATEGORY = ("class", "label", "name", "category", "type")


def _files(folder):
    found = [file for file in entries(folder) if file.name.lower().startswith("via") and file.suffix.lower() == ".json"]
    return [file for file in found if _is_one(file)]


def _is_one(file):
    try:
        return bool(_content(file))
    except DataError:
        return False


def _content(file):
    """Entries of a file, one for each image: list of dict."""
    content = read_json(file, _EXPECTED)
    if isinstance(content, dict):
        content = content.get("_via_img_metadata", content)
    listed = list(content.values()) if isinstance(content, dict) else []
    if not listed or not all(isinstance(one, dict) and isinstance(one.get("filename"), str) for one in listed):
        raise DataError(f"{file}: has no images with a 'filename'; {_EXPECTED}")
    return listed


def _parse(regions):
    """Annotated of the regions of an image; VIA 1 has them in a dict, VIA 2 in a list."""
    outlines, wrong = [], Counter()
    if isinstance(regions, dict):
        regions = list(regions.values())
    for region in regions if isinstance(regions, list) else []:
        try:
            shape = region["shape_attributes"]
            points = _points(shape)
            if points is None:
                wrong[f"of the type {str(shape.get('name'))[:20]!r}"] += 1
            elif len(points) < 3 or not np.isfinite(points).all():
                wrong["without three points"] += 1
            else:
                paint = partial(paint_polygons, [(points.ravel().tolist(), [])])
                outlines.append(Outline(_category(region.get("region_attributes") or {}), paint))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            wrong["not in the form of a region"] += 1
    return Annotated(outlines, wrong)


def _points(shape):
    """Corners of a region, float [N, 2] of x and y in pixels; None if it is no outline."""
    kind = shape["name"]
    if kind in ("polygon", "polyline"):
        return np.array([shape["all_points_x"], shape["all_points_y"]], np.float64).T
    if kind not in ("circle", "ellipse"):
        return None
    across, down = (shape["r"], shape["r"]) if kind == "circle" else (shape["rx"], shape["ry"])
    angles = np.linspace(0, 2 * np.pi, int(min(max(12, 8 * max(across, down)), 4096)), endpoint=False)
    x, y, turn = across * np.cos(angles), down * np.sin(angles), float(shape.get("theta", 0))  # radians
    turned = [x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)]
    return np.array([shape["cx"], shape["cy"]]) + np.array(turned).T


def _category(attributes):
    names = [name for name in _CATEGORY if name in attributes] or (list(attributes) if len(attributes) == 1 else [])
    value = attributes[names[0]] if names else ""
    if isinstance(value, dict):  # check boxes: {option: whether it is ticked}
        value = next((option for option, ticked in value.items() if ticked), "")
    return str(value)


def _samples(folder, category):
    files = _files(folder)
    if len(files) > 1:
        names = ", ".join(one.name for one in files)
        raise DataError(f"{folder}: has {len(files)} files of VIA, {names}; expected one")
    (file,), problems, kept, annotated = files, [], {}, {}
    images = {image.name: image for image in images_in(folder)}
    for entry in _content(file):
        image = images.get(entry["filename"])
        if image is None:
            problems.append(f"{file}: names the image {entry['filename']!r}, which is not in {folder}")
            continue
        if image.stem in annotated:
            problems.append(f"{file}: has the image {image.stem!r} twice; expected different names")
            continue
        annotated[image.stem] = _parse(entry.get("regions"))
        chosen = chosen_of(annotated[image.stem], category)
        if chosen.outlines or not category:
            kept[image.stem] = partial(read, image, file, chosen, as_viewed=True)
    outlines = [outline for one in annotated.values() for outline in one.outlines]
    boxes = sum(one.left_out.get("of the type 'rect'", 0) for one in annotated.values())
    names = {outline.category for outline in outlines}
    if boxes and not outlines:
        problems.append(f"{file}: has {counted(boxes, 'box', 'boxes')} and no outline; expected polygons")
    elif category and category not in names and not problems:
        some = ", ".join(sorted(filter(None, names))[:20]) or "none"
        problems.append(f"{folder}: no object of the category {category!r}; the categories are {some}")
    without = len(images) - len(annotated)
    notes = [*left_out(file, {file.with_name(name): one for name, one in annotated.items()})]
    notes += passed_over(folder, entries(folder))
    if without > 0:
        notes.append(f"{folder}: images that {file.name} does not list, which are left out: {without}")
    return Listing(sorted(kept.items()), sorted(problems), notes)


LAYOUT = in_folders("VIA", "images beside via_*.json", lambda folder: bool(_files(folder)), _samples, categories=True)
