"""Match images with label maps by name. If no equal name exists, the endings that tools add to names are left out.

Cellpose writes NAME_cp_masks.png, NAME_masks.tif and NAME_seg.npy, ilastik NAME_Object Identities.tif, and
`ris-predict` NAME_labels.png. OME-TIFF files are called NAME.ome.tif.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np

from ris_tf.data.images.single import read_pair
from ris_tf.errors import DataError, gather

_OF_MASKS = ("_cp_masks", "_masks", "_seg", "_mask", "_labels", "_label", "_Object Identities")


def matched(images: dict[str, Path], masks: dict[str, Path]) -> dict[str, tuple[Path, list[Path]]]:
    """Matches equal names first, then names that are equal without the endings.

    Args:
        images, masks: {stem: file}.

    Returns:
        {stem of the image: (its file, files of its masks)}. There are several masks if they differ in their endings.
        Images and masks that have no counterpart, and images that are equal without the endings, are left out.
    """
    pairs = {name: (images[name], [masks[name]]) for name in images.keys() & masks.keys()}
    left = defaultdict(list), defaultdict(list)
    for names, found, endings in zip(left, (images, masks), (("_img",), _OF_MASKS), strict=True):
        for name in sorted(found.keys() - pairs):
            names[_reduced(name, endings)].append(name)
    for key in left[0].keys() & left[1].keys():
        if len(left[0][key]) == 1:
            pairs[left[0][key][0]] = images[left[0][key][0]], [masks[name] for name in left[1][key]]
    return pairs


def _reduced(name, endings):
    ending = next((ending for ending in endings if name.endswith(ending)), "")
    return name.removesuffix(ending).removesuffix(".ome")


def read_matched(image: Path, masks: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Same as `files.read_pair`; if there are several masks, they must show the same objects.

    Raises:
        DataError: see `files.read_pair`, or the masks differ.
    """
    pixels, labels = read_pair(image, masks[0])
    for file, other in zip(masks[1:], gather(*(lambda f=f: read_pair(image, f)[1] for f in masks[1:])), strict=True):
        if not _same_objects(labels, other):
            raise DataError(f"{file}: differs from {masks[0].name}, a mask of the same image; expected one of them")
    return pixels, labels


def _same_objects(labels, others):
    """Whether two label maps of the same size have the same objects, whatever their ids."""
    ids, first, places = np.unique(labels, return_index=True, return_inverse=True)
    values = others.ravel()[first]
    background = (ids > 0) == (values > 0)
    return bool(background.all() and len(set(values)) == len(ids) and (values[places.ravel()] == others.ravel()).all())
