"""Masks as Cellpose and other tools name and store them, also beside the images; pickles from strangers run nothing."""

import io
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scenes.layouts import picture, save, truth

from ris_tf.commands.data import open_all
from ris_tf.data.images.single import read_labels
from ris_tf.data.readers.layouts import detect, open_folder
from ris_tf.errors import DataError


def seg(path, masks, **more):
    """What Cellpose's `masks_flows_to_seg` saves: a dict, pickled by numpy.save."""
    content = {
        "masks": masks, "outlines": masks * (masks > 2), "chan_choose": [0, 0], "ismanual": np.zeros(2, bool),
        "filename": Path("/data/a.png"), "flows": [np.zeros((2, 4, 5), np.float32), None, [], "x"],
        "est_diam": np.float64(30.5), "colors": np.zeros((2, 3), np.uint8), "model_path": 0, **more,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, content, allow_pickle=True)
    return path


MASKS = {
    "a_cp_masks.png": lambda path, labels: save(path, labels.astype(np.uint16)),
    "a_cp_masks.tif": tifffile.imwrite,
    "a_masks.tif": tifffile.imwrite,
    "a_seg.npy": seg,
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("image", ["a.png", "a_img.tif", "a.ome.tif"])
def test_masks_beside_images(tmp_path, image, mask):
    for split in ("train", "val"):
        save(tmp_path / split / image, picture(0, 1)[..., 0])
        save(tmp_path / split / "b.png", picture(1))
        save(tmp_path / split / "a_cp_outlines.png", picture(2))
        MASKS[mask](tmp_path / split / mask, truth(1))
    assert detect(tmp_path)[0].name == "Cellpose"
    ((name, read),) = open_folder(tmp_path, "val")
    assert name == image.rsplit(".", 1)[0]
    np.testing.assert_array_equal(read()[0][..., 0], picture(0, 1)[..., 0])
    np.testing.assert_array_equal(read()[1], truth(1))
    line = f"{tmp_path}/train: images without a mask, which are left out: 1 of 2"
    assert open_all(tmp_path)[1]["train"].notes == [line]


@pytest.mark.parametrize("mask", [*MASKS, "a.npy", "a.ome.tif", "a_mask.png", "a_labels.png", "a.png", "a_seg.png"])
@pytest.mark.parametrize("image", ["a.png", "a.tif", "a.ome.tif"])
def test_names_in_a_folder_of_masks(tmp_path, image, mask):
    save(tmp_path / "images" / image, picture(0))
    (tmp_path / "masks").mkdir()
    write = MASKS.get(mask) or (seg if mask == "a.npy" else save)
    write(tmp_path / "masks" / mask, truth(1))
    assert detect(tmp_path)[0].name == "images and label maps"
    ((name, read),) = open_folder(tmp_path, "all")
    assert name == image.rsplit(".", 1)[0]
    np.testing.assert_array_equal(read()[1], truth(1))


def test_equal_names_come_first(tmp_path, problems):
    for number, name in enumerate(("a", "a_mask", "b.ome")):
        save(tmp_path / "images" / f"{name}.png", picture(number))
        save(tmp_path / "masks" / f"{name}.png", truth(number))
    found = open_folder(tmp_path, "all")
    assert [name for name, _ in found] == ["a", "a_mask", "b.ome"]
    for number, (_, read) in enumerate(found):
        np.testing.assert_array_equal(read()[1], truth(number))
    save(tmp_path / "images" / "b.png", picture(3))
    save(tmp_path / "masks" / "a_cp_masks.png", truth(3))
    assert problems(tmp_path) == [
        f"{tmp_path}/images/b.png: image has no mask of the same name in {tmp_path}/masks",
        f"{tmp_path}/masks/a_cp_masks.png: mask has no image of the same name",
    ]


def test_several_masks_must_agree(tmp_path, problems):
    save(tmp_path / "a.png", picture(0))
    save(tmp_path / "a_cp_masks.png", np.array([0, 0, 1, 0, 0, 0, 0, 2], np.uint8)[truth(1)])
    seg(tmp_path / "a_seg.npy", truth(1))
    ((_, read),) = open_folder(tmp_path, "all")
    np.testing.assert_array_equal(read()[1] > 0, truth(1) > 0)
    for other in (truth(2), np.where(truth(1) > 0, 1, 0), np.where(truth(1) > 0, truth(1), 1)):
        seg(tmp_path / "a_seg.npy", other)
        assert problems(tmp_path) == [
            f"{tmp_path}/a_seg.npy: differs from a_cp_masks.png, a mask of the same image; expected one of them"
        ]


@pytest.mark.parametrize("kind", [np.uint16, np.uint32, np.int64, ">i4", np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
def test_masks_of_every_type(tmp_path, kind, order):
    seg(tmp_path / "a_seg.npy", np.asarray(truth(1), kind, order=order))
    np.testing.assert_array_equal(read_labels(tmp_path / "a_seg.npy"), truth(1))


class Marks:
    """Unpickling it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def npy(path, pickled):
    """Writes an npy file of one object with any pickle."""
    np.lib.format.write_array_header_1_0(stream := io.BytesIO(), {"descr": "|O", "fortran_order": False, "shape": ()})
    path.write_bytes(stream.getvalue() + pickled)


def test_a_pickle_runs_nothing(tmp_path):
    path = tmp_path / "a_seg.npy"
    for bad in (Marks(tmp_path / "mark"), bytes, len, np.ma.masked_array([1]), np.random.default_rng(0)):
        seg(path, truth(1), bad=bad)
        with pytest.raises(DataError, match=r"a_seg.npy: holds pickled objects .* \(names .*save the masks as PNG"):
            read_labels(path)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    "masks", [None, [1], "x", truth(1).astype(object), truth(1)[:0], truth(1) * 1j, np.zeros((2, 4, 5), int)]
)
def test_other_masks_are_one_line(tmp_path, masks):
    np.save(tmp_path / "a_seg.npy", {"masks": masks}, allow_pickle=True)
    with pytest.raises(DataError, match=r"a_seg.npy: .*expected") as caught:
        read_labels(tmp_path / "a_seg.npy")
    assert "\n" not in str(caught.value)


def test_broken_pickles_are_one_line(tmp_path):
    path = tmp_path / "a_seg.npy"
    right = pickle.dumps({"masks": truth(1)}, 4)
    assert (np.array(truth(1)) == np.load(seg(path, truth(1)), allow_pickle=True).item()["masks"]).all()
    huge = b"\x80\x04}r" + struct.pack("<I", 2**31) + b"."  # a place in memory that would take 16 GiB
    states = [  # what NumPy's own unpickling would have to trust
        right.replace(b"u1", b"O8"), right.replace(b"u1", b"u8"), right.replace(b"K\x18K\x1e", b"K\xffK\xff")
    ]  # fmt: skip
    for content in (b"", b".", right[:-9], right[:40], huge, b"\x80\x04\x95" + b"\xff" * 8, b"(" * 10**5, *states):
        assert content != right
        npy(path, content)
        with pytest.raises(
            DataError, match="a_seg.npy: holds pickled objects from which no masks can be read"
        ) as caught:
            read_labels(path)
        assert "\n" not in str(caught.value)
