"""What was found, as other tools read it: COCO results, ImageJ regions, a table of the objects."""

import importlib
import io
import zipfile

import numpy as np
from pycocotools import mask as rle
from skimage.measure import find_contours, regionprops

from ris_tf.errors import UsageError
from ris_tf.files import write_bytes
from ris_tf.labels import labels_to_runs

_LENGTHS = ("centroid_x", "centroid_y", "left", "top", "width", "height")
COLUMNS = ("image", "label", "score", "area", *_LENGTHS)
_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0  # of a path in ImageJ


def coco_results(instances, image_id):
    """COCO's results of one image, of category 1, masks as compressed RLE.

    Args:
        instances: Instances.
        image_id: int.

    Returns:
        list of {"image_id", "category_id", "segmentation", "score"}, ready for JSON.
    """
    size = list(instances.labels.shape)
    results = []
    for counts, score in zip(compressed_runs(instances.labels), instances.scores, strict=True):
        shape = {"size": size, "counts": counts}
        entry = {"image_id": image_id, "category_id": 1, "segmentation": shape}
        results.append({**entry, "score": round(float(score), 5)})
    return results


def compressed_runs(labels):
    """The mask of every instance as COCO's compressed RLE: the text that stands under "counts".

    Args:
        labels: integer [H, W]; 0 is background.

    Returns:
        list of str, in ascending order of the ids.
    """
    height, width = labels.shape
    shapes = [{"size": [height, width], "counts": counts} for counts in labels_to_runs(labels)]
    return [rle.frPyObjects(shape, height, width)["counts"].decode() for shape in shapes]


def coco_ids(names):
    """Ids of images, list of int: the numbers that the files are named by, if all are, as in COCO itself, or 1..n."""
    numbers = [name.rsplit(".", 1)[0] for name in names]
    named = all(number.isdecimal() for number in numbers) and len({int(number) for number in numbers}) == len(numbers)
    return [int(number) if named else place for place, number in enumerate(numbers, 1)]


def coco_images(sizes):
    """The images that the results speak of, as COCO lists them.

    Args:
        sizes: {file name: (height, width)}.

    Returns:
        {"images": list, "annotations": [], "categories": list}, ready for JSON; pycocotools' COCO reads it and its
        loadRes then the results. Ids are those of `coco_ids`.
    """
    images = [
        {"id": number, "file_name": name, "height": size[0], "width": size[1]}
        for number, (name, size) in zip(coco_ids(sizes), sizes.items(), strict=True)
    ]
    return {"images": images, "annotations": [], "categories": [{"id": 1, "name": "object"}]}


def object_rows(name, instances, pixel_size=None):
    """One row for each object of an image.

    Args:
        name: of the image.
        instances: Instances.
        pixel_size: micrometres, or None.

    Returns:
        list of dict with the keys `columns(pixel_size)`: area in pixels; centroid, and bounding box, in pixels from the
        left and the top, where the centre of the first pixel is 0 for the centroid and its edge is 0 for the box; and
        with a pixel size the same in micrometres (area_um2, centroid_x_um, ...).
    """
    rows = []
    for region in regionprops(instances.labels):
        top, left, bottom, right = (int(side) for side in region.bbox)
        box, score = (left, top, right - left, bottom - top), instances.scores[region.label - 1]
        rows.append(object_row(name, region.label, score, region.area, region.centroid, box, pixel_size))
    return rows


def object_row(name, label, score, area, centroid, box, pixel_size=None):
    """One row of `object_rows`, of (row, column) of the centroid and (left, top, width, height)."""
    place = {"centroid_x": round(float(centroid[1]), 3), "centroid_y": round(float(centroid[0]), 3)}
    place |= dict(zip(_LENGTHS[2:], box, strict=True))
    entry = {"image": name, "label": label, "score": round(float(score), 5), "area": int(area), **place}
    if pixel_size:
        entry["area_um2"] = round(entry["area"] * pixel_size**2, 6)
        entry |= {f"{key}_um": round(entry[key] * pixel_size, 6) for key in _LENGTHS}
    return entry


def columns(pixel_size=None):
    """Names of the columns of `object_rows`."""
    return (*COLUMNS, "area_um2", *(f"{key}_um" for key in _LENGTHS)) if pixel_size else COLUMNS


def roi_library():
    """The module roifile; imported on first use, as it is no dependency.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module("roifile")
    except ImportError as error:
        raise UsageError("--write=roi needs roifile; pip install 'ris-tf[roi]'") from error


def write_rois(path, labels):
    """Writes every object as a region of ImageJ, into one ZIP file, which its ROI Manager opens.

    A region holds the centres of exactly the object's pixels. An object of several parts or with holes becomes one
    composite region.

    Args:
        path: Path whose folder exists.
        labels: int32 [H, W].

    Raises:
        UsageError: roifile is not installed.
    """
    library, buffer = roi_library(), io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for region in regionprops(labels):
            outlines = _outlines(region)
            name = f"{region.label:04d}"
            roi = library.ImagejRoi.frompoints(outlines[0], name=name) if len(outlines) == 1 else None
            archive.writestr(f"{name}.roi", (roi or _composite(library, outlines, region.bbox, name)).tobytes())
    write_bytes(path, buffer.getvalue())


def _outlines(region):
    """float32 [n, 2] of (x, y) for each outline of an object, its holes among them; the first pixel's edge is 0."""
    top, left = region.bbox[:2]
    found = find_contours(np.pad(region.image, 1).astype(np.float32), 0.5)
    return [(one[:-1, ::-1] + (left - 0.5, top - 0.5)).astype(np.float32) for one in found]  # without the repeated end


def _composite(library, outlines, box, name):
    path = []
    for outline in outlines:
        steps = np.full((len(outline), 3), _LINE, np.float32)
        steps[0, 0], steps[:, 1:] = _MOVE, outline
        path += [steps.ravel(), np.float32([_CLOSE])]
    roi = library.ImagejRoi()
    roi.roitype, roi.name = library.ROI_TYPE.RECT, name
    roi.top, roi.left, roi.bottom, roi.right = (int(side) for side in box)
    roi.multi_coordinates = np.concatenate(path)
    roi.shape_roi_size = roi.multi_coordinates.size
    return roi
