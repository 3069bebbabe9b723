"""Copies of one picture in every form in which files hold it: the same number of objects, with the same pixels."""

import numpy as np
import pytest
import tifffile
from PIL import Image
from scenes.stacks import write_ome_zarr

from ris_tf import storage
from ris_tf.commands import predict
from ris_tf.data import sources
from ris_tf.data.images.orientation import as_stored
from ris_tf.data.images.regions import can_be_regions

pytestmark = pytest.mark.slow


def _exif(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def _pyramid(path, image, kind, inside):
    """The picture with two smaller copies: as pages of their own, or inside the first page as OME-TIFF has them."""
    levels = [np.ascontiguousarray(image[::step, ::step]) for step in (1, 2, 4)]
    tiles = {"tile": (64, 64), "compression": "zlib", **kind}
    with tifffile.TiffWriter(path) as writer:
        writer.write(levels[0], **tiles, **({"subifds": 2} if inside else {"metadata": None}))
        for level in levels[1:]:
            writer.write(level, **tiles, subfiletype=1, **({} if inside else {"metadata": None}))


def write_copies(folder, image, zarr):
    """Writes copies of a uint8 picture, [H, W] or [H, W, 3]: {file name: orientation}."""
    rgb, wide = image.ndim == 3, image.astype(np.uint16) * 257
    kind = {"photometric": "rgb" if rgb else "minisblack"}
    colours = image if rgb else np.stack([image] * 3, -1)

    def tif(name, array=image, **options):
        tifffile.imwrite(folder / f"{name}.tif", array, **{**kind, **options})

    tif("plain")
    tif("tiled", tile=(48, 80), compression="lzw", predictor=2)
    tif("strips", rowsperstrip=7, compression="zlib")
    tif("big-endian", wide, byteorder=">", bigtiff=True)
    tif("planes", np.moveaxis(colours, -1, 0), photometric="rgb", planarconfig="separate", tile=(64, 64))
    tif("alpha", np.dstack([colours, colours[..., 0]]), photometric="rgb", extrasamples=[2])
    tif("ome", image[None, None, None], ome=True, metadata={"axes": "TCZYXS"[: image.ndim + 3]})
    tif("16 bits", wide)
    for bits in (10, 12, 14):
        tif(f"{bits} bits in uint16", wide >> (16 - bits))
        tif(f"{bits} bits packed", wide >> (16 - bits), bitspersample=bits)
    tif("floats to 1", (image / 255).astype(np.float32), compression="zlib", predictor=3)
    tif("floats to 255", image.astype(np.float64))
    tif("no data", image.astype(np.float32), extratags=[(42113, 2, 0, "-9999", True)])
    if not rgb:
        tif("0 is white", 255 - image, photometric="miniswhite")
        tif("signed", image.astype(np.int16) - 1024)
    _pyramid(folder / "pyramid.tif", image, kind, inside=False)
    _pyramid(folder / "pyramid.ome.tif", image, kind, inside=True)
    Image.fromarray(image).save(folder / "png.png")
    Image.fromarray(np.dstack([colours, colours[..., 0]])).save(folder / "png alpha.png")
    indexed = Image.fromarray(image).quantize(256) if rgb else Image.fromarray(image).convert("P")
    indexed.save(folder / "palette.png")
    indexed.save(folder / "palette of tiff.tif")
    np.save(folder / "array.npy", image)
    np.save(folder / "array of floats.npy", image / 255)
    np.save(folder / "array of colours.npy", np.asfortranarray(colours))
    for version in (2, 3):
        stored = zarr.create_array(
            str(folder / f"zarr {version}.zarr"), shape=image.shape, dtype=image.dtype, zarr_format=version,
            chunks=(50, 70, 3)[: image.ndim],
        )  # fmt: skip
        stored[:] = image
    write_ome_zarr(zarr, folder / "ome-zarr.zarr", image, "yxc"[: image.ndim], "0.4")
    turned = {}
    for number in range(2, 9):
        lying = as_stored(image, number)
        tif(f"turned {number}", lying, compression="zlib", extratags=[(274, "H", 1, number, True)])
        Image.fromarray(lying).save(folder / f"turned {number} of png.png", exif=_exif(number))
        turned |= {f"turned {number}": number, f"turned {number} of png": number}
    return turned


def agreement(labels, others):
    """Pixels on which two label maps agree, as a share of the objects of either: objects are matched by their IoU."""
    both = (labels > 0) & (others > 0)
    (first, second), counts = np.unique(np.stack([labels[both], others[both]]), axis=1, return_counts=True)
    union = np.bincount(labels.ravel())[first] + np.bincount(others.ravel())[second] - counts
    return counts[2 * counts > union].sum() / max(np.count_nonzero((labels > 0) | (others > 0)), 1)


@pytest.fixture(params=["nuclei", "rosettes"])
def picture(request):
    """Name of a preset and a uint8 picture for it, not square, with 256 colours at most."""
    if request.param == "nuclei":
        folder = request.getfixturevalue("nuclei")
        return "nuclei", np.asarray(Image.open(folder / "test" / "images" / "03b9306f44e9b895.png"))[:300]
    drawn = np.asarray(sources.open_source("synthetic:rosettes", "test", 256, 1, 7)[0][1]()[0])[:220]
    colours = drawn if drawn.dtype == np.uint8 else np.round(drawn * 255).astype(np.uint8)
    return "rosettes", np.asarray(Image.fromarray(colours).quantize(256).convert("RGB"))


@pytest.mark.parametrize("by_tiles", [False, True])
def test_copies(picture, by_tiles, tmp_path):
    zarr = pytest.importorskip("zarr")
    preset, image = picture
    if by_tiles and preset == "rosettes":
        pytest.skip("the preset looks at an image as a whole")
    turned = write_copies(tmp_path, image, zarr)
    files = sorted(tmp_path.iterdir())
    if by_tiles:
        files = [file for file in files if can_be_regions(file)]
    model = storage.open_model(preset)
    found = predict.predict(model, files, tmp_path / "out", write=["tiff"], as_large=by_tiles)
    whole = model.predict_instances(image)
    labels = {name: tifffile.imread(tmp_path / "out" / f"{name}_labels.tif") for name in found}
    plain = labels["plain"] if by_tiles else whole.labels
    assert agreement(plain, whole.labels) > 0.95 and plain.max() == whole.count > 15
    assert len(found) >= (30 if by_tiles else 43)
    same = {name: agreement(as_stored(plain, turned.get(name, 1)), found) for name, found in labels.items()}
    assert {name: one.count for name, one in found.items() if one.count != whole.count} == {}
    assert {name: share for name, share in same.items() if share < 0.98} == {}
