"""Images in formats that are not read are named, wherever a folder of images is listed."""

import numpy as np
import pytest
from PIL import Image

from ris_tf.commands.data import open_all
from ris_tf.data.images.single import image_files, passed_over
from ris_tf.data.readers.layouts import open_folder
from ris_tf.errors import DataError

LABELS = np.eye(40, dtype=np.uint8)
SAID = "images in formats that are not read: "


def save(*files):
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(LABELS).save(file)


def test_files_of_other_formats_are_named_and_counted(tmp_path):
    files = [tmp_path / name for name in ("a.png", "b.bmp", "in/c.WEBP", "notes.txt", ".d.bmp", "e.npy", "f.json")]
    (line,) = passed_over(tmp_path, files)
    assert line == f"{tmp_path}: {SAID}2 (b.bmp, in/c.WEBP); save them as PNG or TIFF"
    assert not passed_over(tmp_path, files[:1])
    (line,) = passed_over(tmp_path, [tmp_path / f"{number:04d}.gif" for number in range(1234)])
    assert f"{SAID}1,234 (0000.gif, 0001.gif, " in line and "0009.gif and 1,224 more)" in line


def test_a_folder_to_predict_names_what_it_passes_over(tmp_path, caplog):
    save(tmp_path / "a.png", tmp_path / "b.bmp", tmp_path / "c.gif")
    for _ in range(2):
        assert image_files([tmp_path]) == [tmp_path / "a.png"]
    assert caplog.messages == [f"{tmp_path}: {SAID}2 (b.bmp, c.gif); save them as PNG or TIFF"]  # once
    (tmp_path / "a.png").unlink()
    with pytest.raises(DataError, match=r"no images in this folder; expected files .*: 2 \(b.bmp, c.gif\)"):
        image_files([tmp_path])


LAYOUTS = {  # files that are read, files that are passed over, and where
    "images and label maps": (("images/a.png", "masks/a.png"), ("images/b.bmp", "masks/b.bmp"), "."),
    "leaf segmentation challenge (CVPPP)": (("a_rgb.png", "a_label.png"), ("b_label.bmp", "b_rgb.bmp"), "."),
    "one mask file per object": (("a/images/a.png", "a/masks/1.png"), ("a/masks/2.gif", "b/images/b.bmp"), "."),
    "Cellpose": (("a.png", "a_cp_masks.png"), ("b.bmp", "b_cp_masks.bmp"), "."),
    "GeoJSON": (("a.png", "a.geojson"), ("b.bmp", "c.jp2"), "."),
    "labelme": (("a.png", "a.json"), ("b.bmp", "c.jp2"), "."),
    "YOLO segmentation": (("images/train/a.png", "labels/train/a.txt"), ("images/train/b.bmp",), "images/train"),
    "PASCAL VOC 2012": (
        ("JPEGImages/a.jpg", "SegmentationObject/a.png", "SegmentationClass/a.png", "ImageSets/Segmentation/train.txt"),
        ("JPEGImages/b.webp",),
        "JPEGImages",
    ),
}
TEXTS = {
    ".geojson": '{"type": "FeatureCollection", "features": []}',
    ".json": '{"shapes": [], "imageWidth": 40, "imageHeight": 40}',
    ".txt": "0 0.1 0.1 0.9 0.1 0.9 0.9",
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_names_what_it_passes_over(tmp_path, caplog, name):
    read, others, where = LAYOUTS[name]
    for file in (tmp_path / file for file in read):
        if file.suffix in TEXTS:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("a\n" if file.name == "train.txt" else TEXTS[file.suffix])
        else:
            save(file)
    for file in others:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    layout, listings = open_all(tmp_path)
    assert layout == name
    line = next(note for listing in listings.values() for note in listing.notes if SAID in note)
    named = ", ".join(file.removeprefix(f"{where}/") for file in others)
    assert line == f"{tmp_path / where}: {SAID}{len(others)} ({named}); save them as PNG or TIFF"
    if not any(listing.problems for listing in listings.values()):
        open_folder(tmp_path, "all")
        assert line in caplog.messages


def test_they_are_named_before_the_problems_that_they_explain(tmp_path, caplog):
    save(tmp_path / "images" / "a.bmp", tmp_path / "masks" / "a.png")
    with pytest.raises(DataError, match="masks/a.png: mask has no image of the same name"):
        open_folder(tmp_path, "all")
    assert caplog.messages == [f"{tmp_path}: {SAID}1 (images/a.bmp); save them as PNG or TIFF"]


def test_they_are_named_where_no_layout_is_found(tmp_path, caplog):
    save(tmp_path / "a.bmp", tmp_path / "train" / "b_rgb.bmp")
    with pytest.raises(DataError, match="no image and label pairs found"):
        open_folder(tmp_path, "all")
    assert caplog.messages == [f"{tmp_path}: {SAID}2 (a.bmp, train/b_rgb.bmp); save them as PNG or TIFF"]
