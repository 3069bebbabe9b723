"""Turned photographs: pixels are read as stored, and label maps stay on their objects, in every layout."""

import json
import logging

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps
from pycocotools import mask as rle
from scenes import turned
from scipy.io import savemat
from skimage import io

from ris_tf.data.images import orientation
from ris_tf.data.images.notes import warn_once
from ris_tf.data.images.single import read_image, read_pair
from ris_tf.data.readers.layouts import open_folder
from ris_tf.errors import DataError

EACH = [(suffix, number) for suffix in turned.SUFFIXES for number in turned.ORIENTATIONS]


@pytest.mark.parametrize(("suffix", "number"), EACH)
def test_pixels_are_read_as_stored(tmp_path, suffix, number):
    pixels, _ = turned.stored()
    file = turned.write(tmp_path / f"a{suffix}", pixels, number)
    others = tifffile.imread(file) if suffix == ".tif" else np.asarray(Image.open(file))  # Pillow would turn a TIFF
    np.testing.assert_array_equal(read_image(file)[..., 0], others)
    np.testing.assert_array_equal(io.imread(file), others)  # scikit-image
    assert np.abs(others.astype(int) - pixels).max() < 30  # of a JPEG; exactly equal otherwise
    assert orientation.orientation_of(file) == number


@pytest.mark.parametrize("number", turned.ORIENTATIONS)
def test_upright_is_what_pillow_shows_and_can_be_undone(tmp_path, number):
    colour = np.random.default_rng(0).integers(0, 256, (5, 8, 3)).astype(np.uint8)
    with Image.open(turned.write(tmp_path / "a.png", colour, number)) as image:
        shown = np.asarray(ImageOps.exif_transpose(image))
    found = orientation.upright(colour, number)
    np.testing.assert_array_equal(found, shown)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(orientation.as_stored(found, number), colour)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_unknown_orientations_are_none(tmp_path, value):
    assert orientation.orientation_of(turned.write(tmp_path / "a.jpg", turned.stored()[0], value)) == 1


def test_broken_files_have_no_orientation(tmp_path):
    file = turned.write(tmp_path / "a.png", turned.stored()[0], 6)
    whole = file.read_bytes()
    place = whole.index(b"eXIf")
    for content in (b"", b"\xff\xd8\xff", b"II*\0", whole[:20], whole[: place + 3], whole[: place + 4]):
        file.write_bytes(content)
        assert orientation.orientation_of(file) == 1
    file.write_bytes(whole[: place - 4] + b"\xff\xff\xff\xffeXIf" + whole[place + 4 :])  # a length of 4 GB
    assert orientation.orientation_of(file) == 6
    assert orientation.orientation_of(tmp_path) == orientation.orientation_of(tmp_path / "none.jpg") == 1


def write_label_maps(root, suffix, number, labels):
    image = turned.write(root / "images" / f"a{suffix}", turned.stored()[0], number)
    (root / "masks").mkdir()
    Image.fromarray(labels.astype(np.uint8)).save(root / "masks" / "a.png")
    return image


def write_mask_files(root, suffix, number, labels):
    turned.write(root / "a" / "images" / f"a{suffix}", turned.stored()[0], number)
    (root / "a" / "masks").mkdir()
    for value in range(1, 6):
        Image.fromarray((labels == value).astype(np.uint8)).save(root / "a" / "masks" / f"{value}.png")


def write_coco(root, suffix, number, labels):
    turned.write(root / "train" / f"a{suffix}", turned.stored()[0], number)
    height, width = labels.shape
    objects = []
    for value in range(1, 6):
        packed = rle.encode(np.asfortranarray(labels == value, np.uint8))
        outline = {"size": [height, width], "counts": packed["counts"].decode()}
        objects.append({"id": value, "image_id": 1, "category_id": 1, "segmentation": outline, "iscrowd": 0})
    images = [{"id": 1, "file_name": f"a{suffix}", "height": height, "width": width}]
    content = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "disc"}]}
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_train.json").write_text(json.dumps(content))


def write_voc(root, suffix, number, labels):
    turned.write(root / "JPEGImages" / f"a{suffix}", turned.stored()[0], number)
    for folder in ("SegmentationObject", "SegmentationClass"):
        (root / folder).mkdir()
        Image.fromarray(labels.astype(np.uint8)).save(root / folder / "a.png")
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("a\n")


def write_sbd(root, suffix, number, labels):
    turned.write(root / "img" / f"a{suffix}", turned.stored()[0], number)
    (root / "inst").mkdir()
    truth = {"Segmentation": labels.astype(np.uint8), "Categories": np.full((5, 1), 15, np.uint8)}
    savemat(root / "inst" / "a.mat", {"GTinst": truth})
    (root / "train.txt").write_text("a\n")


def write_cellpose(root, suffix, number, labels):
    turned.write(root / f"a{suffix}", turned.stored()[0], number)
    Image.fromarray(labels.astype(np.uint8)).save(root / "a_cp_masks.png")
    tifffile.imwrite(root / "a_masks.tif", labels.astype(np.uint16))  # read, too, and compared


def check(root, same_as_stored):
    """Every disc is bright, everything else is dark, and there are five."""
    ((_, read),) = open_folder(root, "all")
    image, labels = read()
    assert image.shape[:2] == labels.shape and len(np.unique(labels)) == 6
    assert image[labels > 0].min() > 90 and image[labels == 0].max() < 150  # the edges are blurred
    assert (labels.shape == turned.stored()[1].shape) == same_as_stored


LAYOUTS = [write_label_maps, write_mask_files, write_coco, write_voc, write_sbd, write_cellpose]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
@pytest.mark.parametrize(("suffix", "number"), EACH)
def test_labels_of_the_stored_pixels_are_on_the_objects(tmp_path, layout, suffix, number):
    layout(tmp_path, suffix, number, turned.stored()[1])
    check(tmp_path, same_as_stored=number < 5)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
@pytest.mark.parametrize(("suffix", "number"), [(suffix, number) for suffix, number in EACH if number >= 5])
def test_labels_drawn_on_the_upright_picture_are_known_by_their_size(tmp_path, layout, suffix, number):
    layout(tmp_path, suffix, number, orientation.upright(turned.stored()[1], number))
    check(tmp_path, same_as_stored=False)


def test_other_sizes_are_refused(tmp_path):
    labels = turned.stored()[1]
    for name, number, given in (("a", 3, labels.T), ("b", 6, labels[:-1]), ("c", 6, labels.T[:-1])):
        image = write_label_maps(tmp_path / name, ".jpg", number, given)
        with pytest.raises(DataError, match=f"mask is {given.shape[1]}x{given.shape[0]} but its image a.jpg is 140x90"):
            read_pair(image, tmp_path / name / "masks" / "a.png")


def test_a_warning_says_what_a_size_does_not_tell(tmp_path, caplog):
    warn_once.cache_clear()
    logging.getLogger("absl").propagate = True
    for number, times in ((1, 0), (6, 0), (3, 1)):
        write_label_maps(tmp_path / str(number), ".jpg", number, turned.stored()[1])
        for _ in range(2):
            open_folder(tmp_path / str(number), "all")[0][1]()
        assert caplog.text.count("are taken to fit the pixels as stored") == times
    assert f"{tmp_path / '3' / 'images'}: some images are stored turned (EXIF or TIFF orientation)" in caplog.text
