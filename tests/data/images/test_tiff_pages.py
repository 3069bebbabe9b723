"""TIFFs with reduced copies, masks, or planes in other files: the image itself is read."""

import uuid

import numpy as np
import pytest
import tifffile
from PIL import Image
from scenes.stacks import COUNTS, planes
from scipy import ndimage

from ris_tf.data.images.planes import Axis, Choice
from ris_tf.data.images.regions import open_regions, stack_axes
from ris_tf.data.images.single import read_image

PLANES = planes(128, 96)
TILED = {"photometric": "minisblack", "tile": (32, 32), "compression": "zlib"}


def same(path, image, choice=None):
    """Checks that a file is read as an image, as a whole and by tiles, with the objects of plane 0."""
    image = image.reshape(*image.shape, 1)[..., :3] if image.ndim == 2 else image
    found = open_regions(path, choice)
    assert found.shape == image.shape
    np.testing.assert_array_equal(read_image(path, choice), image)
    np.testing.assert_array_equal(found.read(slice(0, image.shape[0]), slice(0, image.shape[1])), image)


def levels(image, count=3):
    return [image[:: 2**level, :: 2**level] for level in range(count)]


def write_pyramid(path, image, kind):
    first, *smaller = levels(image)
    with tifffile.TiffWriter(path, ome=kind == "ome") as file:
        if kind == "marked":  # GDAL (COG), libvips
            file.write(first, **TILED, metadata=None)
            for level in smaller:
                file.write(level, **TILED, subfiletype=1, metadata=None)
        elif kind == "unmarked":
            for level in (first, *smaller):
                file.write(level, **TILED, metadata=None)
        elif kind in ("ome", "subifds"):
            more = {"metadata": {"axes": "YX"}} if kind == "ome" else {"metadata": None}
            file.write(first, **TILED, subifds=len(smaller), **more)
            for level in smaller:
                file.write(level, **TILED, subfiletype=1)
        elif kind == "mask":  # GDAL's internal mask
            file.write(first, **TILED, metadata=None)
            file.write(first > 1000, subfiletype=4, photometric="mask", tile=(32, 32), metadata=None)
            file.write(smaller[0], **TILED, subfiletype=1, metadata=None)
            file.write(smaller[0] > 1000, subfiletype=5, photometric="mask", tile=(32, 32), metadata=None)
        elif kind == "thumbnail first":
            file.write(smaller[0], **TILED, subfiletype=1, metadata=None)
            file.write(first, **TILED, metadata=None)


@pytest.mark.parametrize("kind", ["marked", "unmarked", "ome", "subifds", "mask", "thumbnail first"])
def test_pyramids_are_read_at_full_resolution(tmp_path, kind):
    path = tmp_path / ("a.ome.tif" if kind == "ome" else "a.tif")
    write_pyramid(path, PLANES[0], kind)
    same(path, PLANES[0])
    assert ndimage.label(read_image(path)[..., 0] > 1000)[1] == COUNTS[0]


def test_pyramid_of_a_slide_scanner(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (128, 96, 3), np.uint8)
    how = {"photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(tmp_path / "a.svs") as file:  # as Aperio: slide, thumbnail, level, label, macro
        file.write(image, **how, tile=(32, 32), description="Aperio Image Library v1\r\n96x128 |AppMag = 20|MPP = 0.5")
        file.write(image[::3, ::3], **how, description="Aperio Image Library v1\r\n96x128 -> 32x43")
        file.write(image[::4, ::4], **how, tile=(32, 32), description="Aperio Image Library v1\r\n96x128 -> 24x32")
        file.write(image[:40, :30], **how, subfiletype=1, description="Aperio Image Library v1\r\nlabel 30x40")
        file.write(image[:20, :60], **how, subfiletype=9, description="Aperio Image Library v1\r\nmacro 60x20")
    same(tmp_path / "a.svs", image)


def test_pyramid_by_pillow(tmp_path):
    pages = [Image.fromarray(level) for level in levels(PLANES[0])]
    for page in pages[1:]:
        page.encoderinfo = {"tiffinfo": {254: 1}}
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    same(tmp_path / "a.tif", PLANES[0])


def test_stacks_of_pyramids(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        file.write(PLANES, **TILED, subifds=1, metadata={"axes": "CYX"})
        file.write(PLANES[:, ::2, ::2], **TILED, subfiletype=1)
    assert stack_axes(tmp_path / "a.ome.tif") == [Axis("channel", 4, rgb=True)]
    for index, plane in enumerate(PLANES):
        same(tmp_path / "a.ome.tif", plane, Choice(channel=index))
    same(tmp_path / "a.ome.tif", np.stack(PLANES[:3], axis=-1), Choice(channel="rgb"))


@pytest.mark.parametrize("others", ["present", "missing"])
@pytest.mark.parametrize("each", [1, 2])
def test_a_file_of_several_gives_its_own_planes(tmp_path, others, each):
    """One OME-TIFF per time point, with one or two planes in each, and OME-XML that names all files."""
    ids = [str(uuid.UUID(int=number + 1)) for number in range(4 // each)]
    parts = "".join(
        f'<TiffData FirstT="{t}" FirstC="0" FirstZ="{z}" IFD="{z}" PlaneCount="1">'
        f'<UUID FileName="t{t}.ome.tif">urn:uuid:{ids[t]}</UUID></TiffData>'
        for t in range(len(ids))
        for z in range(each)
    )
    for t, own in enumerate(ids):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{own}"><Image ID="Image:0" Name="x"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
            f'Type="uint16" SizeX="96" SizeY="128" SizeZ="{each}" SizeC="1" SizeT="{len(ids)}">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{parts}</Pixels></Image></OME>'
        )
        planes_of_file = PLANES[t * each : (t + 1) * each]
        how = {"photometric": "minisblack", "metadata": None, "compression": "zlib"}
        tifffile.imwrite(tmp_path / f"t{t}.ome.tif", planes_of_file, description=xml, **how)
    if others == "missing":
        (tmp_path / "t0.ome.tif").unlink()
    for t in range(others == "missing", len(ids)):
        for index in range(each):
            same(tmp_path / f"t{t}.ome.tif", PLANES[t * each + index], Choice(page=index))
