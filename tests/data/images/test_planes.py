"""Every plane of a stack is read as it was written, and none without being asked for."""

import numpy as np
import pytest
import tifffile
from scenes.stacks import planes, write_ome_zarr

from ris_tf.data.images.planes import Axis, Choice, expand, parse
from ris_tf.data.images.regions import is_large, is_zarr, open_regions, stack_axes
from ris_tf.data.images.single import read_image, read_labels
from ris_tf.errors import DataError, UsageError

PLANES = planes()
ORDERS = {  # axes of a file: (its array, {flag: number of planes})
    "zyx": (PLANES, {"z": 4}),
    "cyx": (PLANES, {"channel": 4}),
    "tcyx": (PLANES[:, None], {"t": 4}),
    "czyx": (PLANES.reshape(2, 2, 60, 80), {"channel": 2, "z": 2}),
    "tczyx": (PLANES[None, :2, None], {"channel": 2}),
}


def message(read, *args):
    with pytest.raises(DataError) as caught:
        read(*args)
    return str(caught.value)


def whole(path, choice):
    regions = open_regions(path, choice)
    return regions.read(*(slice(0, length) for length in regions.shape[:2]))


def check(path, lengths, stored):
    """Compares each plane of a file with the array; `stored` is [*lengths, H, W, ...] in the order of the file."""
    assert {axis.flag: axis.length for axis in stack_axes(path)} == lengths
    stored = stored.reshape(*lengths.values(), *stored.shape[-2:])
    for indices in np.ndindex(*lengths.values()):
        choice = Choice(**dict(zip(lengths, indices, strict=True)))
        np.testing.assert_array_equal(whole(path, choice)[..., 0], stored[indices])
        if not is_zarr(path):
            np.testing.assert_array_equal(read_image(path, choice)[..., 0], stored[indices])
    words = [f"--{flag}=0..{length - 1}" for flag, length in lengths.items()]
    words += [f"--{flag}=all" for flag in lengths]
    line = message(expand, path, stack_axes(path), Choice())
    assert line.startswith(f"{path}: has ") and all(word in line for word in words)
    assert "expected a single 2-D image" in message(open_regions, path)
    if not is_zarr(path):
        assert line.startswith(message(read_image, path, Choice()).split(", or")[0])  # it reads one plane, not all


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ORDERS)
def test_planes_of_ome_zarr(tmp_path, axes, version):
    stored, lengths = ORDERS[axes]
    write_ome_zarr(pytest.importorskip("zarr"), tmp_path / "a.zarr", stored, axes, version)
    check(tmp_path / "a.zarr", lengths, stored)


def test_channels_of_a_zarr_are_colours_only_if_it_says_so(tmp_path):
    library = pytest.importorskip("zarr")
    stored, path = np.random.default_rng(0).integers(0, 255, (3, 40, 50), np.uint8), tmp_path / "a.zarr"
    colours = stored.transpose(1, 2, 0)
    write_ome_zarr(library, path, stored, "cyx", "0.4")
    assert "or --channel=rgb if they are its colours" in message(open_regions, path, Choice())
    np.testing.assert_array_equal(whole(path, Choice(channel="rgb")), colours)
    np.testing.assert_array_equal(whole(path, Choice(channel=2)), stored[2][..., None])
    labels = {"omero": {"channels": [{"label": name} for name in ("Red", "Green", "Blue")]}}
    write_ome_zarr(library, path, stored, "cyx", "0.5", **labels)
    assert stack_axes(path) == []
    np.testing.assert_array_equal(whole(path, Choice()), colours)
    write_ome_zarr(library, path, stored, "cyx", "0.5", omero={"channels": [{"label": "DAPI"}] * 3})
    assert stack_axes(path) == [Axis("channel", 3, rgb=True)]


def test_arrays_without_names_of_axes(tmp_path):
    library = pytest.importorskip("zarr")
    for shape, lengths in ((4, 60, 80), {"page": 4}), ((2, 2, 60, 80), {"page": 4}):
        path = tmp_path / f"{len(shape)}.zarr"
        library.create_array(str(path), shape=shape, chunks=(1,) * (len(shape) - 2) + (32, 32), dtype="u2")[:] = (
            PLANES.reshape(shape)
        )
        check(path, lengths, PLANES)


def test_axes_in_any_order(tmp_path):
    library = pytest.importorskip("zarr")
    how = {"shape": (80, 60, 4), "chunks": (32, 16, 1), "dtype": "u2", "dimension_names": ["X", "Y", "Z"]}
    library.create_array(str(tmp_path / "a.zarr"), **how)[:] = PLANES.T
    check(tmp_path / "a.zarr", {"z": 4}, PLANES)
    how["dimension_names"] = ["lat", "lon", "time"]
    library.create_array(str(tmp_path / "b.zarr"), **how)
    assert "axes lat, lon, time; expected one named y and one named x" in message(stack_axes, tmp_path / "b.zarr")


TIFFS = {
    "pages": ({"photometric": "minisblack", "metadata": None}, PLANES, {"page": 4}),
    "packed pages": ({"photometric": "minisblack", "compression": "zlib", "tile": (32, 32)}, PLANES, {"page": 4}),
    "two axes without a name": ({"photometric": "minisblack"}, PLANES.reshape(2, 2, 60, 80), {"page": 4}),
    "imagej z": ({"imagej": True, "metadata": {"axes": "ZYX"}}, PLANES, {"z": 4}),
    "imagej tc": ({"imagej": True, "metadata": {"axes": "TCYX"}}, PLANES.reshape(2, 2, 60, 80), {"t": 2, "channel": 2}),
    "ome z": ({"ome": True, "metadata": {"axes": "ZYX"}, "photometric": "minisblack"}, PLANES, {"z": 4}),
    "ome c": (
        {"ome": True, "metadata": {"axes": "CYX"}, "photometric": "minisblack", "compression": "zlib"},
        PLANES,
        {"channel": 4},
    ),
    "ome cz": (
        {"ome": True, "metadata": {"axes": "CZYX"}, "photometric": "minisblack", "byteorder": ">"},
        PLANES.reshape(2, 2, 60, 80),
        {"channel": 2, "z": 2},
    ),
    "one entry": ({"photometric": "minisblack", "metadata": {"axes": "ZYX"}, "truncate": True}, PLANES, {"z": 4}),
    "samples apart": (
        {"photometric": "minisblack", "planarconfig": "separate", "compression": "zlib"},
        PLANES,
        {"channel": 4},
    ),
}


@pytest.mark.parametrize("kind", TIFFS)
def test_planes_of_a_tiff(tmp_path, kind):
    how, stored, lengths = TIFFS[kind]
    path = tmp_path / ("a.ome.tif" if how.pop("ome", False) else "a.tif")
    tifffile.imwrite(path, stored, **how)
    check(path, lengths, stored)
    assert not is_large(path, Choice(**dict.fromkeys(lengths, 0)))


def test_samples_of_a_pixel_are_channels_unless_they_are_colours(tmp_path):
    kind = {"photometric": "minisblack", "planarconfig": "contig"}
    for name, more in {"a.tif": {}, "b.tif": {"compression": "zlib"}}.items():
        tifffile.imwrite(tmp_path / name, PLANES.transpose(1, 2, 0), **kind, **more)
        check(tmp_path / name, {"channel": 4}, PLANES)
    colours = PLANES[:3].transpose(1, 2, 0)
    tifffile.imwrite(tmp_path / "c.tif", colours, photometric="rgb")
    assert stack_axes(tmp_path / "c.tif") == []
    np.testing.assert_array_equal(read_image(tmp_path / "c.tif", Choice()), colours)
    stack = np.stack([colours, colours[::-1]])
    tifffile.imwrite(tmp_path / "d.tif", stack, photometric="rgb", imagej=False, metadata={"axes": "ZYXS"})
    np.testing.assert_array_equal(read_image(tmp_path / "d.tif", Choice(z=1)), stack[1])
    np.testing.assert_array_equal(whole(tmp_path / "d.tif", Choice(z=1)), stack[1])


def test_pages_of_several_sizes(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for image in (PLANES[0], PLANES[1, :30], PLANES[2]):
            file.write(image, photometric="minisblack", metadata=None)
    assert stack_axes(tmp_path / "a.tif") == [Axis("page", 3)]
    for page, image in enumerate((PLANES[0], PLANES[1, :30], PLANES[2])):
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif", Choice(page=page))[..., 0], image)


def test_label_maps_have_one_plane(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PLANES // 1000, photometric="minisblack", metadata={"axes": "ZYX"})
    assert "has 4 planes along z; expected a single 2-D image" in message(read_labels, tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(z=4), "has 4 planes along z; expected 0..3, counted from 0, not --z=4"),
        (Choice(), "has 4 planes along z; choose one with --z=0..3, or all of them with --z=all"),
        (Choice(z=0, t=1), "has no axis for --t; leave out --t, not --t=1"),
        (Choice(z=0, channel="rgb", page=0), None),
    ],
)
def test_choices_that_do_not_fit(tmp_path, choice, words):
    axes = [Axis("z", 4)]
    if words is None:
        assert list(expand("a.tif", axes, choice)) == ["_z0"]
    else:
        assert message(expand, "a.tif", axes, choice) == f"a.tif: {words}"


def test_all_stands_for_every_plane_in_order():
    found = expand("a.tif", [Axis("channel", 2), Axis("t", 3)], Choice(channel="all", t="all", z="all"))
    assert list(found) == ["_t0_c0", "_t0_c1", "_t1_c0", "_t1_c1", "_t2_c0", "_t2_c1"]
    assert found["_t2_c1"] == Choice(channel=1, t=2)
    assert expand("a.png", [], Choice(z="all")) == {"": Choice()}


@pytest.mark.parametrize(("flag", "text"), [("z", "-1"), ("z", "x"), ("z", "rgb"), ("channel", "1.0"), ("t", "")])
def test_wrong_flags(flag, text):
    with pytest.raises(UsageError, match=f"--{flag}={text}: expected a number counted from 0, or all"):
        parse(flag, text)
    assert [parse(flag, value) for value in ("12", "all", None)] == [12, "all", None]
    assert parse("channel", "rgb") == "rgb"
