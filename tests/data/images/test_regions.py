"""Parts of TIFF and zarr images against the whole, in every way that they are stored."""

import numpy as np
import pytest
import tifffile

from ris_tf.data.images import regions
from ris_tf.data.images.planes import Choice
from ris_tf.data.images.regions import open_regions
from ris_tf.data.images.single import read_image


@pytest.mark.parametrize(
    "kind", ["tiles", "strips", "raw", "one strip", "big-endian", "rgb", "planes", "rgba", "float"]
)
def test_regions_of_a_tiff_are_those_of_the_whole(tmp_path, kind):
    rng = np.random.default_rng(0)
    shape = (150, 203) + {"rgb": (3,), "rgba": (4,), "planes": (3,)}.get(kind, ())
    image = rng.integers(0, 60000, shape).astype(np.float32 if kind == "float" else np.uint16)
    how = {
        "tiles": {"tile": (32, 48), "compression": "lzw", "predictor": True},
        "strips": {"rowsperstrip": 7, "compression": "zlib"},
        "raw": {"rowsperstrip": 11},
        "one strip": {"rowsperstrip": 150},
        "big-endian": {"byteorder": ">"},
        "rgb": {"photometric": "rgb", "tile": (64, 64), "compression": "zlib"},
        "rgba": {"photometric": "rgb", "extrasamples": ["unassalpha"]},
        "planes": {"photometric": "rgb", "planarconfig": "separate", "tile": (64, 64), "compression": "zlib"},
        "float": {"photometric": "miniswhite", "tile": (16, 16)},
    }[kind]
    stored = np.moveaxis(image, -1, 0) if kind == "planes" else image
    tifffile.imwrite(tmp_path / "a.tif", stored, **how)
    whole, found = read_image(tmp_path / "a.tif"), open_regions(tmp_path / "a.tif")
    assert found.shape == whole.shape
    for _ in range(30):
        top, left = rng.integers(0, 149), rng.integers(0, 202)
        part = np.s_[top : rng.integers(top + 1, 151), left : rng.integers(left + 1, 204)]
        region = found.read(*part)
        assert region.dtype == whole.dtype
        np.testing.assert_array_equal(region, whole[part])


def test_bilevel_and_inverted_tiffs(tmp_path):
    image = np.random.default_rng(0).random((70, 90)) < 0.5
    grey = (image * 200).astype(np.uint8)
    tifffile.imwrite(tmp_path / "bits.tif", image, tile=(32, 32))
    tifffile.imwrite(tmp_path / "white.tif", grey, photometric="miniswhite")
    for name in ("bits.tif", "white.tif"):
        whole = read_image(tmp_path / name)
        np.testing.assert_array_equal(open_regions(tmp_path / name).read(slice(3, 69), slice(40, 90)), whole[3:69, 40:])


def test_a_tiff_is_large_by_the_bytes_of_its_samples(tmp_path, monkeypatch):
    image = np.zeros((30, 40, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb")
    for most in (image.nbytes, image.nbytes - 1):
        monkeypatch.setattr(regions, "MAX_BYTES", most)
        assert regions.is_large(tmp_path / "a.tif") == (most < image.nbytes)


@pytest.mark.parametrize(
    ("axes", "version"), [("yx", 2), ("yx", 3), ("yxc", 3), ("cyx", 2), ("tczyx", 2), ("tczyx", 3), ("shards", 3)]
)
def test_regions_of_a_zarr(tmp_path, axes, version):
    library = pytest.importorskip("zarr")
    image, path = np.random.default_rng(0).integers(0, 250, (210, 290), np.uint8), tmp_path / "scan.zarr"
    colours = np.stack([image, image // 2, image // 3], axis=-1)
    stored = {"yxc": colours, "cyx": colours.transpose(2, 0, 1), "tczyx": image[None, None, None]}.get(axes, image)
    chunks = {"yxc": (64, 64, 3), "cyx": (1, 64, 64), "tczyx": (1, 1, 1, 100, 50)}.get(axes, (64, 50))
    how = {"shape": stored.shape, "dtype": stored.dtype, "chunks": chunks, "zarr_format": version}
    how |= {"shards": (128, 100)} if axes == "shards" else {}
    if axes == "tczyx":  # as OME-Zarr
        group = library.open_group(str(path), mode="w", zarr_format=version)
        scales = [{"datasets": [{"path": "s0"}]}]
        group.attrs.update({"multiscales": scales} if version == 2 else {"ome": {"multiscales": scales}})
        array = group.create_array("s0", **{key: value for key, value in how.items() if key != "zarr_format"})
    else:
        array = library.create_array(str(path), **how)
    array[:] = stored
    found = open_regions(path, Choice(channel="rgb") if axes == "cyx" else None)  # it might be a stack of three planes
    part, whole = np.s_[31:177, 40:209], colours if "c" in axes and axes != "tczyx" else image[..., None]
    assert found.shape == whole.shape
    np.testing.assert_array_equal(found.read(*part), whole[part])
