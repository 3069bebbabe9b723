"""What the files hold against what was written into them, and one clear line for files that are wrong."""

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from ris_tf.data.images.planes import Choice
from ris_tf.data.images.regions import open_regions
from ris_tf.data.images.single import read_image, read_labels
from ris_tf.errors import DataError


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def write(path, array, **options):
    """Saves an array with tifffile, NumPy or Pillow, by suffix, making the folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".tif", ".tiff"):
        tifffile.imwrite(path, array, **options)
    elif path.suffix == ".npy":
        np.save(path, array)
    else:
        Image.fromarray(array).save(path, **options)
    return path


def message(function, *arguments):
    """The one line of the DataError that a call raises."""
    with pytest.raises(DataError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def png(width, height, depth, colour, rows, palette=b""):
    """A PNG written by hand, for the depths that Pillow does not save. `rows` are packed rows without filter bytes."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    colours = chunk(b"PLTE", palette) if palette else b""
    data = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + colours + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_keeps_its_dtype_and_values(tmp_path, rng, suffix, dtype):
    grey = rng.integers(0, np.iinfo(dtype).max, (6, 9), dtype, endpoint=True)
    image = read_image(write(tmp_path / f"a{suffix}", grey))
    assert image.dtype == dtype
    np.testing.assert_array_equal(image, grey[..., None])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_tiff_colour_in_every_byte_order_and_compression(tmp_path, rng, order, compression):
    colour = rng.integers(0, 65535, (40, 30, 3), np.uint16)
    path = write(tmp_path / "a.tif", colour, byteorder=order, compression=compression, photometric="rgb", tile=(16, 16))
    image = read_image(path)
    assert image.dtype == np.dtype("uint16") and image.dtype.isnative
    np.testing.assert_array_equal(image, colour)


def test_tiff_planes_become_channels(tmp_path, rng):
    planes = rng.integers(0, 255, (3, 6, 9), np.uint8)
    path = write(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(path), planes.transpose(1, 2, 0))


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_16_bit_colour_png_is_not_cut_to_8_bits(tmp_path, rng, channels):
    pixels = rng.integers(0, 65535, (6, 9, channels), np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), pixels[..., : 1 if channels == 2 else 3])


@pytest.mark.parametrize(("suffix", "options"), [(".png", {}), (".tif", {"photometric": "rgb", "extrasamples": [2]})])
def test_alpha_is_dropped_without_blending(tmp_path, rng, suffix, options):
    colour = rng.integers(0, 255, (6, 9, 4), np.uint8)
    np.testing.assert_array_equal(read_image(write(tmp_path / f"a{suffix}", colour, **options)), colour[..., :3])


def test_grey_with_alpha_is_grey(tmp_path, rng):
    pixels = rng.integers(0, 255, (6, 9, 2), np.uint8)
    Image.fromarray(pixels, "LA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), pixels[..., :1])


@pytest.mark.filterwarnings("error")
def test_palette_becomes_rgb(tmp_path):
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    colours = np.array([[10, 20, 30], [200, 0, 0], [0, 0, 77]], np.uint8)
    picture = Image.fromarray(indices)
    picture.putpalette(colours.tobytes())
    picture.save(tmp_path / "a.png", transparency=b"\0\xff\xff")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colours[indices])
    table = np.zeros((3, 256), np.uint16)
    table[:, :3] = colours.T.astype(np.uint16) * 257
    path = write(tmp_path / "a.tif", indices, photometric="palette", colormap=table)
    np.testing.assert_array_equal(read_image(path), colours[indices])


def test_bilevel_becomes_0_and_255(tmp_path):
    bits = np.array([[True, False, True], [False, False, True]])
    expected = np.uint8(255) * bits[..., None]
    np.testing.assert_array_equal(read_image(write(tmp_path / "a.png", bits)), expected)
    path = write(tmp_path / "a.tif", bits, photometric="minisblack")
    np.testing.assert_array_equal(read_image(path), expected)


def test_white_is_zero_is_inverted(tmp_path):
    path = write(tmp_path / "a.tif", np.array([[0, 250]], np.uint8), photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path)[..., 0], [[255, 5]])
    path = write(tmp_path / "b.tif", np.array([[True, False]]), photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path)[..., 0], [[0, 255]])


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32, np.float16, np.float32, np.float64])
def test_other_numbers_become_float32(tmp_path, dtype):
    numbers = np.array([[0, 1, 300], [7, 2, 12]], dtype)
    image = read_image(write(tmp_path / "a.tif", numbers))
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image[..., 0], numbers)


def test_cmyk_jpeg_becomes_rgb(tmp_path):
    Image.new("CMYK", (16, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (8, 16, 3)
    assert np.abs(image.astype(int) - [255, 0, 0]).max() < 12  # full magenta and yellow ink is red


def test_content_decides_not_the_suffix(tmp_path, rng):
    grey = rng.integers(0, 255, (6, 9), np.uint8)
    write(tmp_path / "a.tif", grey).rename(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 0], grey)


IDS = np.array([[0, 3, 3], [200, 0, 7]])


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(".png", np.uint8), (".png", np.uint16)]
    + [(".tif", kind) for kind in (np.uint8, np.uint16, np.int16, np.uint32, np.int32)],
)
def test_ids_stay_as_stored(tmp_path, suffix, dtype):
    labels = read_labels(write(tmp_path / f"a{suffix}", IDS.astype(dtype)))
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, IDS)


def test_palette_labels_give_their_indices(tmp_path):
    picture = Image.fromarray(IDS.astype(np.uint8))
    picture.putpalette(np.random.default_rng(0).integers(0, 255, 768, np.uint8).tobytes())
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), IDS)


@pytest.mark.parametrize("colour", [0, 3])
def test_2_and_4_bit_ids_are_not_stretched(tmp_path, colour):
    palette = bytes(range(48)) if colour == 3 else b""
    (tmp_path / "a.png").write_bytes(png(4, 1, 4, colour, [b"\x01\x2f"], palette))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), [[0, 1, 2, 15]])
    (tmp_path / "b.png").write_bytes(png(4, 1, 2, colour, [b"\x1b"], palette[:12]))
    np.testing.assert_array_equal(read_labels(tmp_path / "b.png"), [[0, 1, 2, 3]])


def test_bilevel_labels_are_one_instance(tmp_path):
    np.testing.assert_array_equal(read_labels(write(tmp_path / "a.png", IDS > 0)), IDS > 0)


@pytest.mark.parametrize(
    ("array", "options", "found"),
    [
        (np.full((4, 5), 1.5, np.float32), {}, "mask is float32 with the value 1.5; expected integer ids"),
        (np.array([[0, np.nan]]), {}, "mask is float64 with the value nan; expected integer ids"),
        (np.array([[0, np.inf]]), {}, "mask is float64 with the value inf; expected integer ids"),
        (np.array([[0, 2**24 + 1]], np.float32), {}, "float32 tells ids apart only below 16777216"),
        (np.array([[0.0, -2.0]]), {}, "negative id -2"),
        (np.array([[0, -2]], np.int16), {}, "negative id -2"),
        (np.array([[0, 2**31]], np.uint32), {}, "id 2147483648; expected ids up to 2147483647"),
        (
            np.zeros((4, 5, 3), np.uint8),
            {"photometric": "rgb"},
            "mask has 3 channels; expected a single channel; all channels",
        ),
        (np.zeros((4, 6, 5), np.uint8), {"photometric": "minisblack"}, "4 pages; expected a single 2-D"),
        (np.ones((4, 6, 3), bool), {"photometric": "rgb"}, "mask has 3 channels"),
    ],
)
def test_wrong_tiff_masks(tmp_path, array, options, found):
    path = write(tmp_path / "a.tif", array, **options)
    line = message(read_labels, path)
    assert line.startswith(f"{path}: ") and found in line


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_that_are_whole_numbers_are_ids(tmp_path, suffix, dtype):
    ids = np.array([[0, 1, 300], [-1, 2, 2000]])
    labels = read_labels(write(tmp_path / f"a{suffix}", ids.astype(dtype)))
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, ids)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((5, 6, 2), "has 2 channels; expected a single 2-D image; save each plane as a separate file"),
        ((2, 6, 5), "has 2 channels; expected"),
        ((3, 6, 5), "has 3 channels; expected a single 2-D image; save each plane as a separate file, or its colours"),
        ((5, 6, 4), "has 4 channels; expected"),
        ((5, 8, 7), "has 5 pages; expected"),
        ((7, 8, 5), "has 5 channels; expected"),
        ((7, 7, 7), "array has the shape 7x7x7, and no axis is shorter than the others"),
        ((2, 5, 6, 3), "has 2 pages; expected"),
    ],
)
def test_no_channel_of_an_array_is_dropped_without_a_word(tmp_path, shape, words):
    path = write(tmp_path / "a.npy", np.zeros(shape, np.uint16))
    assert f"{path}: {words}" in message(read_image, path)


@pytest.mark.parametrize(
    ("shape", "choice", "place"),
    [
        ((5, 6, 2), Choice(channel=1), np.s_[:, :, 1]),
        ((2, 6, 5), Choice(channel=1), np.s_[1]),
        ((3, 6, 5), Choice(channel=2), np.s_[2]),
        ((5, 6, 4), Choice(channel=3), np.s_[:, :, 3]),
        ((5, 8, 7), Choice(page=4), np.s_[4]),
        ((7, 8, 5), Choice(channel=4), np.s_[:, :, 4]),
        ((2, 3, 7, 6), Choice(page=4), np.s_[1, 1]),
        ((6, 5, 7, 3), Choice(page=4), np.s_[4]),
        ((1, 6, 5), Choice(), np.s_[0]),
    ],
)
def test_a_plane_of_an_array_is_chosen(tmp_path, rng, shape, choice, place):
    array = rng.integers(0, 65535, shape, np.uint16)
    path = write(tmp_path / "a.npy", array)
    found = read_image(path, choice)
    np.testing.assert_array_equal(found, array[place].reshape(found.shape))
    assert found.shape[:2] == array[place].shape[:2]


@pytest.mark.parametrize("shape", [(3, 6, 5), (4, 6, 5), (6, 5, 4)])
def test_channels_of_an_array_are_colours_on_request(tmp_path, rng, shape):
    array = rng.random(shape).astype(np.float32)
    expected = array if shape[2] == 4 else np.moveaxis(array, 0, -1)
    found = read_image(write(tmp_path / "a.npy", array), Choice(channel="rgb"))
    np.testing.assert_array_equal(found, expected[..., :3])


def test_the_second_channel_of_a_tiff_is_dropped_only_if_it_is_alpha(tmp_path, rng):
    pixels = rng.integers(0, 255, (16, 18, 2), np.uint8)
    kind = {"photometric": "minisblack", "planarconfig": "contig"}
    alpha = write(tmp_path / "a.tif", pixels, **kind, extrasamples=["unassalpha"])
    np.testing.assert_array_equal(read_image(alpha), pixels[..., :1])
    np.testing.assert_array_equal(open_regions(alpha).read(slice(0, 16), slice(0, 18)), pixels[..., :1])
    other = write(tmp_path / "b.tif", pixels, **kind)
    for read in (read_image, open_regions):
        assert "has 2 channels" in message(read, other)


def test_colour_masks_name_the_remedy(tmp_path):
    grey, colour = np.full((4, 5, 3), 9, np.uint8), np.full((4, 5, 3), (1, 2, 3), np.uint8)
    assert "all channels are equal, so save one" in message(read_labels, write(tmp_path / "a.png", grey))
    assert "colours are not ids" in message(read_labels, write(tmp_path / "b.png", colour))


def test_jpeg_masks_are_refused(tmp_path):
    assert "compression changes ids" in message(read_labels, write(tmp_path / "a.jpg", np.zeros((8, 8), np.uint8)))


@pytest.mark.parametrize(
    ("array", "options", "found"),
    [
        (np.array([[0, np.nan, np.inf]], np.float32), {}, "2 of 3 values are NaN or infinite"),
        (np.array([[0, 1e300]], np.float64), {}, "1 of 2 values are NaN or infinite"),
        (np.zeros((5, 6, 7), np.uint8), {"photometric": "minisblack"}, "5 pages; expected a single 2-D"),
        (np.zeros((5, 6, 2), np.uint8), {"photometric": "minisblack", "planarconfig": "contig"}, "2 channels"),
        (np.zeros((5, 6, 5), np.uint8), {"photometric": "minisblack", "planarconfig": "contig"}, "5 channels"),
        (np.zeros((5, 6), np.complex64), {}, "pixels are complex64"),
        (np.zeros((5, 6, 3), np.uint8), {"photometric": "cielab"}, "colours are CIELAB"),
    ],
)
def test_wrong_tiff_images(tmp_path, array, options, found):
    path = write(tmp_path / "a.tif", array, **options)
    line = message(read_image, path)
    assert line.startswith(f"{path}: ") and found in line


@pytest.mark.parametrize(
    ("read", "suffix", "options"),
    [(read_image, ".jpg", {})]
    + [(read, ".png", {}) for read in (read_image, read_labels)]
    + [(read, ".tif", {"compression": kind}) for read in (read_image, read_labels) for kind in (None, "zlib")],
)
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.95])
def test_truncated_files(tmp_path, rng, read, suffix, options, kept):
    path = write(tmp_path / f"a{suffix}", rng.integers(0, 255, (64, 64), np.uint8), **options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    line = message(read, path)
    assert line.startswith(f"{path}: ") and ("truncated" in line or "expected a complete" in line)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "file is empty (0 bytes)"),
        (b"not an image at all", "not recognised"),
        (b"II*\0\x08\0\0\0\xff\xff", "cannot be read"),
        (png(30000, 30000, 8, 0, []), "exceeds the limit"),
    ],
)
def test_files_that_are_no_images(tmp_path, content, found):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    line = message(read_image, path)
    assert line.startswith(f"{path}: ") and found in line


def test_files_that_cannot_be_opened(tmp_path, monkeypatch):
    assert "No such file" in message(read_image, tmp_path / "missing.png")
    assert "Is a directory" in message(read_image, tmp_path)
    path = write(tmp_path / "a.png", np.zeros((4, 5), np.uint8))

    def refuse(*_, **__):  # whoever runs the tests may be allowed to read everything
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    assert message(read_image, path) == f"{path}: Permission denied; expected a readable image file"
