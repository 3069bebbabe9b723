"""Label maps as annotation programs write them, with the image whose objects they show."""

import numpy as np
import tifffile
from PIL import Image

from valid import GREY, HEIGHT, WIDTH, Set

LABELS = np.zeros((HEIGHT, WIDTH), np.int32)
LABELS[2:10, 3:13], LABELS[12:22, 5:17], LABELS[4:14, 20:33] = 1, 2, 5  # ids may have gaps


def _in_masks(name, write, labels=LABELS, image="a.png", **more):
    """A folder `images` with one image, and a folder `masks` into which `write` puts the label map."""

    def both(folder):
        for kind in ("images", "masks"):
            (folder / kind).mkdir()
        save = tifffile.imwrite if image.endswith(".tif") else lambda path, array: Image.fromarray(array).save(path)
        save(folder / "images" / image, GREY)
        write(folder / "masks" / name)

    return Set(both, labels, **more)


def _tif(labels=LABELS, dtype=np.uint16, name="a.tif", right=LABELS, image="a.png", refused="", **options):
    options = {"photometric": "minisblack", **options}
    write = lambda path: tifffile.imwrite(path, labels.astype(dtype), **options)  # noqa: E731
    return _in_masks(name, write, None if refused else right, image=image, refused=refused)


def _png(array, name="a.png", right=LABELS, mode=None, refused=""):
    write = lambda path: Image.fromarray(array, mode).save(path)  # noqa: E731
    return _in_masks(name, write, None if refused else right, refused=refused)


def _npy(array, name="a.npy", refused=""):
    write = lambda path: np.save(path, array, allow_pickle=True)  # noqa: E731
    return _in_masks(name, write, None if refused else LABELS, refused=refused)


def _palette(path):
    image = Image.fromarray(LABELS.astype(np.uint8))
    image.putpalette(np.random.default_rng(0).integers(0, 255, 768, np.uint8).tobytes())
    image.save(path)


def _seg(path):
    content = {"outlines": LABELS, "masks": LABELS.astype(np.uint16), "filename": "/data/a.png", "flows": [[], None]}
    np.save(path, {**content, "est_diam": np.float64(30.5), "ismanual": np.zeros(3, bool)}, allow_pickle=True)


def _beside(folder):
    """Cellpose: masks beside the images."""
    tifffile.imwrite(folder / "a.tif", GREY)
    tifffile.imwrite(folder / "a_cp_masks.tif", LABELS.astype(np.uint16), compression="zlib")
    _seg(folder / "a_seg.npy")


def _leaves(folder):
    Image.fromarray(np.dstack([GREY] * 3)).save(folder / "plant001_rgb.png")
    _palette(folder / "plant001_label.png")
    Image.fromarray((LABELS > 0) * np.uint8(255)).save(folder / "plant001_fg.png")


def _mask_per_object(folder):
    for kind in ("images", "masks"):
        (folder / "stage1_train" / "f0" / kind).mkdir(parents=True)
    Image.fromarray(np.dstack([GREY] * 3 + [np.full_like(GREY, 255)])).save(folder / "stage1_train/f0/images/f0.png")
    for index in (1, 2, 5):
        Image.fromarray((index == LABELS) * np.uint8(255)).save(folder / f"stage1_train/f0/masks/{index}.png")


def sets():
    """{name: Set}."""
    ignored = np.where(LABELS == 5, -1, LABELS)
    holed = np.where(LABELS > 0, LABELS, -9999)
    coloured = np.dstack([LABELS & 255, LABELS >> 8, LABELS >> 16]).astype(np.uint8)
    tables = [np.random.default_rng(0).integers(0, 255, (3, 256), np.uint8)]
    found = {
        "png, 8 bits": _png(LABELS.astype(np.uint8)),
        "png, 16 bits": _png(LABELS.astype(np.uint16)),
        "png, palette": _in_masks("a.png", _palette, LABELS),
        "tif": _tif(),
        "tif of another name for the image": _tif(image="a.tif", compression="lzw"),
        "tif, int32 of napari": _tif(dtype=np.int32, compression="zlib"),
        "tif, uint32 of QuPath": _tif(dtype=np.uint32, tile=(16, 16)),
        "tif, big-endian BigTIFF": _tif(byteorder=">", bigtiff=True),
        "tif, 32-bit ImageJ (MorphoLibJ)": _tif(dtype=np.float32, imagej=True),
        "tif, ImageJ with a lookup table": _tif(imagej=True, metadata={"LUTs": tables, "mode": "composite"}),
        "tif, StarDist": _tif(LABELS[None, None, None], imagej=True, metadata={"axes": "TZCYX"}),
        "tif, OME": _tif(LABELS[None, None, None], name="a.ome.tif", metadata={"axes": "TCZYX"}),
        "tif, 0 is white": _tif(photometric="miniswhite"),  # ids are numbers, not colours
        "tif, GDAL without data": _tif(holed, np.int32, extratags=[(42113, 2, 0, "-9999", True)]),
        "tif, 65535 without data": _tif(np.where(LABELS > 0, LABELS, 65535), extratags=[(42113, 2, 0, "65535", True)]),
        "tif, ignored": _tif(ignored, np.int16, right=ignored),
        "npy, int64": _npy(LABELS.astype(np.int64)),
        "npy, floats": _npy(LABELS.astype(np.float64)),
        "npy, Cellpose's dict": _in_masks("a.npy", _seg, LABELS),
        "Cellpose's name": _png(LABELS.astype(np.uint16), "a_cp_masks.png"),
        "ris-predict's name": _png(LABELS.astype(np.uint16), "a_labels.png"),
        "OME image": _tif(image="a.ome.tif", name="a.tif"),
        "Cellpose, beside": Set(_beside, LABELS),
        "leaf challenge": Set(_leaves, LABELS),
        "a mask per object": Set(_mask_per_object, LABELS),
        "a foreground mask": _png((LABELS > 0) * np.uint8(255), right=(LABELS > 0) * 255)._replace(
            noted="look like foreground masks"
        ),
        "ids as colours, COCO panoptic": _png(coloured, refused="mask has 3 channels; expected a single channel"),
        "grey with alpha": _png(np.dstack([LABELS, LABELS]).astype(np.uint8), mode="LA", refused="has 2 channels"),
        "jpeg": _in_masks("a.jpg", lambda path: Image.fromarray(LABELS.astype(np.uint8)).save(path), None,
                          refused="mask is a JPEG, whose compression changes ids"),
        "stack": _tif(np.stack([LABELS, LABELS]), refused="has 2 pages; expected a single 2-D image"),
        "fractions": _tif(LABELS / 2, np.float32, refused="mask is float32 with the value 0.5; expected integer ids"),
        "another size": _tif(LABELS[:20], refused="but its image a.png is 36x24 (width x height)"),
        "a dict without masks": _npy({"rois": LABELS}, refused="no masks can be read safely"),
    }  # fmt: skip
    return {f"labels: {name}": one for name, one in found.items()}
