"""Read data sets in COCO format: annotations/instances_SPLIT.json with a folder SPLIT of images next to annotations/.

CVAT and Datumaro put the images into images/SPLIT, or into images/ if there is one split. The name of a split may be
abbreviated: "train" finds train2017. Polygons and run lengths (RLE), compressed or not, are supported. Crowd regions
become ignored pixels, except where an object lies. Where objects overlap, the smaller one is on top. An object that has
no pixel is left out, and its image stays.
"""

import contextlib
from collections import Counter
from functools import partial

import numpy as np

from ris_tf.data.images.notes import warn_once
from ris_tf.data.images.orientation import is_size_of, upright_pair
from ris_tf.data.images.single import read_image
from ris_tf.data.readers import coco_crowds, coco_entries, coco_outlines
from ris_tf.data.readers.splits import Layout, Listing, chosen, joined
from ris_tf.errors import DataError, UsageError, gather
from ris_tf.instances.labels import IGNORED, smaller_on_top

_PREFIX = "instances_"


def _find(root):
    return root if _splits(root) else None


def _splits(root, category="", held_out=0.0):
    """The splits of a data set: {name: Path of the annotation file}."""
    files = sorted((root / "annotations").glob(f"{_PREFIX}*.json"))
    return {file.stem.removeprefix(_PREFIX): file for file in files}


def _listing(root, split, category, held_out):
    splits = _splits(root)
    found = chosen(root, split, splits)
    return joined({name: samples(splits[name], _images(root, name), category, splits.values()) for name in found})


def _images(root, split):
    """Folder of the images of a split."""
    places = [root / split, root / "images" / split, root / "images"]
    return next((place for place in places if place.is_dir()), places[0])


def samples(file, folder, category, files=()):
    """Lists the images that show an object of the category, not counting crowds; all images if the category is "".

    Args:
      file: annotation file.
      folder: folder of the images.
      category: name of a category, or "".
      files: annotation files of all splits.

    Returns:
      Listing.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected the images listed in {file.name}")
    found = coco_entries.parse(file)
    problems = list(found.problems)
    names = [entry["name"] for entry in found.categories.values()]
    if category and category not in names:
        some = ", ".join(names[:5])
        raise UsageError(f"data.category is {category!r}; expected one of the {len(names)} of {file}, such as {some}")
    wanted = {key for key, entry in found.categories.items() if category in ("", entry["name"])}
    entries = {key: [e for e in found.objects.get(key, []) if e["category_id"] in wanted] for key in found.images}
    reason, certain = coco_crowds.judge(file, found, lambda: _parsed(other for other in files if other != file))
    is_crowd = coco_crowds.is_region if reason else coco_crowds.is_marked
    shown = [key for key in found.images if not category or any(not is_crowd(e) for e in entries[key])]
    if not shown and not problems:
        problems.append(f"{file}: no object of the category {category!r}; expected at least one")
    notes = _crowd_note(file, entries, reason, certain)
    lost = _left_out(file, found.images, entries)
    if lost and not any(not is_crowd(e) for listed in entries.values() for e in listed):
        problems.append(f"{lost}; expected polygons or run lengths in 'segmentation'")
    elif lost:
        notes.append(lost)
    names = coco_entries.sample_names([entry["file_name"] for entry in found.images.values()])
    called = dict(zip(found.images, names, strict=True))  # does not depend on the category
    images = sorted(
        ((found.images[key]["file_name"], key) for key in shown), key=lambda image: (image[0], str(image[1]))
    )
    reads = [partial(_read, file, _path(folder, p), found.images[k], entries[k], is_crowd) for p, k in images]
    return Listing([(called[k], read) for (_, k), read in zip(images, reads, strict=True)], problems, notes)


def _parsed(files):
    """Yields (file, its entries) for the annotation files that can be read."""
    for file in files:
        with contextlib.suppress(DataError):  # reported when that split is opened
            yield file, coco_entries.parse(file)


def _crowd_note(file, entries, reason, certain):
    """A list of one line that says what the annotations marked as crowds were taken for; empty if there are none."""
    marked = [e for listed in entries.values() for e in listed if coco_crowds.is_marked(e)]
    masks = [e for e in marked if reason and not coco_crowds.is_region(e)]
    if masks:
        return [
            f"{file}: masks marked as crowds (iscrowd 1) but read as single objects: {len(masks)}, because {reason}; "
            'a region to ignore would need "ignore": 1 as well'
        ]
    doubt = "" if certain else "; if they are single objects, set their iscrowd to 0"
    return [f"{file}: regions marked as crowds (iscrowd 1) and ignored: {len(marked)}{doubt}"] if marked else []


def _left_out(file, images, entries):
    """Removes the annotations that would get no pixel from `entries`.

    Args:
      file: annotation file.
      images: {id: entry of an image}.
      entries: {image id: list of annotations}, changed in place.

    Returns:
      One line that says how many were removed and why, or "" if none was.
    """
    times, example, total = Counter(), {}, sum(map(len, entries.values()))
    for key, listed in entries.items():
        lost = coco_outlines.undrawable(file, images[key], listed)
        for entry, why in lost:
            times[why] += 1
            example.setdefault(why, f"{entry['id']} of {images[key]['file_name']}")
        if lost:
            gone = {id(entry) for entry, _ in lost}
            entries[key] = [entry for entry in listed if id(entry) not in gone]
    if not times:
        return ""
    reasons = "; ".join(f"{n} with {why}, such as {example[why]}" for why, n in times.items())
    return f"{file}: objects that cannot be drawn and are left out: {sum(times.values())} of {total} ({reasons})"


def _path(folder, file_name):
    """Path of an image; tools on Windows may write a backslash between folders."""
    path = folder / file_name
    return folder / file_name.replace("\\", "/") if "\\" in file_name and not path.exists() else path


def _read(file, path, listed, entries, is_crowd):
    image = read_image(path)
    height, width = image.shape[:2]
    shape = listed["height"], listed["width"]
    if not is_size_of(shape, path, image.shape):
        size = f"{listed['width']}x{listed['height']}"
        raise DataError(f"{path}: image is {width}x{height} but {file.name} says {size} (width x height)")
    masks = gather(*(partial(coco_outlines.draw, file, listed, entry) for entry in entries))
    crowd = [mask for mask, entry in zip(masks, entries, strict=True) if is_crowd(entry)]
    objects = [mask for mask, entry in zip(masks, entries, strict=True) if not is_crowd(entry)]
    labels = smaller_on_top(objects) if objects else np.zeros(shape, np.int32)
    hidden = len(objects) - np.count_nonzero(np.bincount(labels.ravel())[1:])
    if hidden:
        warn_once(f"{path}: objects hidden entirely by smaller ones, and left out: {hidden}")
    for mask in crowd:
        labels[(mask > 0) & (labels == 0)] = IGNORED
    return upright_pair(path, image, labels)


LAYOUT = Layout("COCO instances", "annotations/instances_SPLIT.json with SPLIT/*.jpg", _find, _splits, _listing)
