"""Writes objects as ImageJ regions (ROIs)."""

import zipfile

import numpy as np

from ris_tf.files.writing import replacing
from ris_tf.optional import import_optional

_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0  # segment types of an ImageJ path
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # of ZIP files; the same objects give the same bytes on every day


def roi_library():
    """Imports the optional library roifile.

    Returns:
        the module.

    Raises:
        UsageError: roifile is not installed.
    """
    return import_optional("roifile", "--write=roi", "roifile", "'ris-tf[roi]'")


def write(path, objects, shape=None):
    """Writes every object as a region into one ZIP file, which ImageJ's ROI Manager opens.

    A region is the object's pixels exactly. An object of several pieces or with holes becomes one composite region.

    Args:
        path: Path in an existing folder.
        objects: iterable of `outlines.Outlined`.
        shape: not used; a region does not say how large the image is.

    Raises:
        UsageError: roifile is not installed.
    """
    library = roi_library()
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in objects:
            name, rings = f"{one.label:04d}", [ring for polygon in one.polygons for ring in polygon]
            plain = library.ImagejRoi.frompoints(rings[0], name=name) if len(rings) == 1 else None
            roi = plain or _composite(library, rings, name)
            entry = zipfile.ZipInfo(f"{name}.roi", _FIRST_DAY)
            archive.writestr(entry, roi.tobytes(), zipfile.ZIP_DEFLATED)


def _composite(library, rings, name):
    """ImageJ region of several outlines."""
    path = []
    for ring in rings:
        steps = np.full((len(ring), 3), _LINE, np.float32)
        steps[0, 0], steps[:, 1:] = _MOVE, ring
        path += [steps.ravel(), np.float32([_CLOSE])]
    points = np.concatenate(rings)
    roi = library.ImagejRoi()
    roi.roitype, roi.name = library.ROI_TYPE.RECT, name
    (roi.left, roi.top), (roi.right, roi.bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    roi.multi_coordinates = np.concatenate(path)
    roi.shape_roi_size = roi.multi_coordinates.size
    return roi
