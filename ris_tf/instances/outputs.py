"""Exports instances for other tools: COCO results, and a table of objects for CSV."""

from pycocotools import mask as rle

from ris_tf.instances.extents import extents
from ris_tf.instances.labels import labels_to_runs

_LENGTHS = ("centroid_x", "centroid_y", "left", "top", "width", "height")
COLUMNS = ("image", "label", "score", "area", *_LENGTHS)


def coco_results(instances, image_id, category_id=1):
    """Instances of one image in COCO's results format, with the masks as compressed RLE.

    Args:
        instances: Instances.
        image_id: int, see `coco_ids`, or the id of the image in other annotations (int or str).
        category_id: id of the category of all objects (int or str).

    Returns:
        list of {"image_id", "category_id", "segmentation", "score"}, ready for JSON.
    """
    size = list(instances.labels.shape)
    results = []
    for counts, score in zip(compressed_runs(instances.labels), instances.scores, strict=True):
        shape = {"size": size, "counts": counts}
        entry = {"image_id": image_id, "category_id": category_id, "segmentation": shape}
        results.append({**entry, "score": round(float(score), 5)})
    return results


def compressed_runs(labels):
    """Encodes every instance as COCO's compressed RLE, the string of the key "counts".

    Args:
        labels: integer [H, W]; 0 is background.

    Returns:
        list of str, in ascending order of the ids.
    """
    height, width = labels.shape
    shapes = [{"size": [height, width], "counts": counts} for counts in labels_to_runs(labels)]
    return [rle.frPyObjects(shape, height, width)["counts"].decode() for shape in shapes]


def coco_ids(names):
    """COCO image ids for file names.

    Args:
        names: file names, str.

    Returns:
        list of int: the numbers in the file names if every name without its suffix is a number and no two numbers are
        equal, as in COCO itself; otherwise 1..n.
    """
    numbers = [name.rsplit(".", 1)[0] for name in names]
    named = all(number.isdecimal() for number in numbers) and len({int(number) for number in numbers}) == len(numbers)
    return [int(number) if named else place for place, number in enumerate(numbers, 1)]


def coco_images(sizes):
    """The COCO dataset, without annotations, that belongs to the results of `coco_results`.

    Args:
        sizes: {file name: (height, width)}.

    Returns:
        {"images": list, "annotations": [], "categories": list}, ready for JSON, with the ids of `coco_ids`. pycocotools
        reads the file with `COCO(file)` and then the results with `loadRes`.
    """
    images = [
        {"id": number, "file_name": name, "height": size[0], "width": size[1]}
        for number, (name, size) in zip(coco_ids(sizes), sizes.items(), strict=True)
    ]
    return {"images": images, "annotations": [], "categories": [{"id": 1, "name": "object"}]}


def coco_listed(entries, category):
    """The COCO dataset, without annotations, of images and a category that are listed in other annotations.

    Args:
        entries: list of dict with "id", "file_name", "height" and "width".
        category: dict with "id" and "name".

    Returns:
        same as `coco_images`.
    """
    kept = ("id", "file_name", "height", "width")
    images = [{key: entry[key] for key in kept} for entry in entries]
    return {"images": images, "annotations": [], "categories": [{"id": category["id"], "name": category["name"]}]}


def object_rows(name, instances, pixel_size=None):
    """Measures the objects of an image: a row of the table for each.

    Args:
        name: name of the image, str.
        instances: Instances.
        pixel_size: side of a pixel in micrometres, or None.

    Returns:
        list of dict with the keys `columns(pixel_size)`. The area is in pixels. Centroid and bounding box are in pixels
        from the left and from the top; for the centroid the centre of the first pixel is 0, for the box its outer edge
        is 0. With a pixel size, the same values in micrometres follow (area_um2, centroid_x_um, ...).
    """
    return [
        object_row(name, label, instances.scores[label - 1], area, centroid, box, pixel_size)
        for label, area, centroid, box in zip(*(part.tolist() for part in extents(instances.labels)), strict=True)
    ]


def object_row(name, label, score, area, centroid, box, pixel_size=None):
    """One row of `object_rows`.

    Args:
        name: name of the image, str.
        label: id of the object, int.
        score: float in [0, 1].
        area: pixels.
        centroid: (row, column), pixels.
        box: (left, top, width, height), pixels.
        pixel_size: side of a pixel in micrometres, or None.

    Returns:
        dict with the keys `columns(pixel_size)`.
    """
    place = {"centroid_x": round(float(centroid[1]), 3), "centroid_y": round(float(centroid[0]), 3)}
    place |= dict(zip(_LENGTHS[2:], box, strict=True))
    entry = {"image": name, "label": label, "score": round(float(score), 5), "area": int(area), **place}
    if pixel_size:
        entry["area_um2"] = round(entry["area"] * pixel_size**2, 6)
        entry |= {f"{key}_um": round(entry[key] * pixel_size, 6) for key in _LENGTHS}
    return entry


def columns(pixel_size=None):
    """Names of the columns of `object_rows`, tuple of str."""
    return (*COLUMNS, "area_um2", *(f"{key}_um" for key in _LENGTHS)) if pixel_size else COLUMNS
