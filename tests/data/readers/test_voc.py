"""VOC folders as people have them: lists from any editor, images of any suffix, and masks in colours from CVAT."""

import numpy as np
import pytest
from PIL import Image
from scenes.layouts import HEIGHT, NAMES, WIDTH, picture, save, save_palette, sbd, voc

from ris_tf.commands.data import open_all
from ris_tf.data.readers import voc_colours
from ris_tf.data.readers.layouts import open_folder
from ris_tf.errors import DataError, UsageError

SBD = "benchmark_RELEASE/dataset"


def labels_of(number):
    """Label map of three objects, uint8 [H, W]."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for value in (1, 2, 3):
        labels[7 * value - 6 : 7 * value - 1, 2 + number : 20 + number] = value
    return labels


def written(root, names, content, suffix=".jpg", listed="train"):
    """Writes VOC's folders with one list; `content` is its bytes."""
    for number, name in enumerate(names):
        save(root / "JPEGImages" / f"{name}{suffix}", picture(number))
        for folder in ("SegmentationObject", "SegmentationClass"):
            save_palette(root / folder / f"{name}.png", labels_of(number))
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / f"{listed}.txt").write_bytes(content)


@pytest.mark.parametrize(
    ("names", "content", "suffix"),
    [
        (["a", "b"], b"a\r\nb\r\n", ".jpg"),
        (["a", "b"], b"a\rb", ".jpg"),
        (["a", "b"], "a\r\nb\r\n".encode("utf-8-sig"), ".jpg"),
        (["a", "b"], "a\r\nb\r\n".encode("utf-16"), ".jpg"),
        (["a", "b"], "a\nb\n".encode("utf-16-be"), ".jpg"),
        (["Blätter", "b"], "Blätter\nb\n".encode("cp1252"), ".jpg"),
        (["Bla\u0308tter", "b"], "Bl\u00e4tter\nb\n".encode(), ".jpg"),
        (["leaf 1", "leaf 2"], b"leaf 1\nleaf 2\n", ".jpg"),
        (["leaf 1", "leaf 2"], b"leaf 1  1\n\nleaf 2 -1\n", ".jpg"),
        (["a", "b"], b"a 1\nb -1\n", ".jpg"),
        (["a", "b"], b"a\t1\nb\t0\n", ".jpg"),
        (["a", "b"], b"a.jpg\nb.jpg\n", ".jpg"),
        (["a.v2", "b"], b"a.v2\nb\n", ".png"),
        (["a", "b"], b"a\nb\n", ".JPG"),
        (["a", "b"], b"a\nb\n", ".jpeg"),
        (["a", "b"], b"/JPEGImages/a.jpg /SegmentationClass/a.png\n/JPEGImages/b.jpg /SegmentationClass/b.png", ".jpg"),
        (["x/a", "y/a"], b"x/a\ny/a\n", ".png"),
    ],
    ids=range(17),
)
def test_lists_are_read_whatever_wrote_them(tmp_path, names, content, suffix):
    written(tmp_path, names, content, suffix)
    found = open_folder(tmp_path, "train")
    assert [name for name, _ in found] == sorted(names)
    for name, read in found:
        np.testing.assert_array_equal(read()[1], labels_of(names.index(name)))


def test_what_could_be_two_images_is_refused(tmp_path, problems):
    written(tmp_path / "a", ["leaf", "leaf 1"], b"leaf 1\n")
    (line,) = problems(tmp_path / "a", "train")
    assert "train.txt: the line 'leaf 1' may name leaf 1.jpg, or leaf.jpg with a second column" in line
    written(tmp_path / "b", ["leaf", "leaf 1"], b"leaf 1.jpg\n")
    assert [name for name, _ in open_folder(tmp_path / "b", "train")] == ["leaf 1"]
    written(tmp_path / "c", ["leaf", "leaf 1"], b"leaf\nleaf 1\n")
    assert [name for name, _ in open_folder(tmp_path / "c", "train")] == ["leaf", "leaf 1"]
    written(tmp_path / "d", ["a"], b"a\n", ".png")
    save(tmp_path / "d" / "JPEGImages" / "a.JPG", picture(0))
    assert "'a' may be a.JPG, a.png; expected one file for each name" in problems(tmp_path / "d", "train")[0]
    save(tmp_path / "d" / "JPEGImages" / "a.jpg", picture(0))
    assert problems(tmp_path / "d", "train") == []


def test_a_missing_image_is_one_line(tmp_path, problems):
    written(tmp_path, ["a"], b"a 1\nb 1\n")
    (line,) = [line for line in problems(tmp_path, "train") if "JPEGImages" in line]
    assert line == f"{tmp_path}/JPEGImages/b.jpg: No such file or directory; expected a readable image file"


def test_other_lists(tmp_path, problems):
    written(tmp_path, NAMES, "\n".join(NAMES).encode(), listed="mine")
    assert [len(open_folder(tmp_path, split)) for split in ("all", "train", "val", "test")] == [4, 2, 1, 1]
    lists = tmp_path / "ImageSets" / "Segmentation"
    (lists / "yours.txt").write_text("a\n")
    assert "has mine.txt, yours.txt; expected train.txt and val.txt" in problems(tmp_path)[0]
    (lists / "Train.txt").write_text(f"{NAMES[0]}\n")
    (lists / "Validation.txt").write_text(f"{NAMES[1]}\n")
    (lists / "default.txt").write_text(f"{NAMES[2]}\n{NAMES[3]}\n")
    assert [len(open_folder(tmp_path, split)) for split in ("all", "train", "val", "default")] == [4, 1, 1, 2]
    assert list(open_all(tmp_path)[1]) == ["train", "validation", "default"]


def table(count):
    """VOC's colours by its development kit's own loop, uint8 [count, 3]."""
    colours = np.zeros((count, 3), int)
    for index in range(count):
        number = index
        for place in range(8):
            for channel in range(3):
                colours[index, channel] |= ((number >> channel) & 1) << (7 - place)
            number >>= 3
    return colours.astype(np.uint8)


def test_colours_of_voc():
    np.testing.assert_array_equal(voc_colours.to_ids(table(70_000)), np.arange(70_000))


def cvat(root, listed="default", leaf=(250, 50, 83)):
    """What CVAT exports as "Segmentation mask 1.1": RGB masks, colours of classes in labelmap.txt."""
    written(root, [f"plant_{number}" for number in range(3)], b"plant_0\nplant_1\nplant_2\n", listed=listed)
    for number in range(3):
        labels = labels_of(number)
        save(root / "SegmentationObject" / f"plant_{number}.png", table(256)[labels])
        classes = np.array([(0, 0, 0), leaf, leaf, (0, 128, 0)], np.uint8)[labels]
        save(root / "SegmentationClass" / f"plant_{number}.png", classes)
    text = "# label:color_rgb:parts:actions\nbackground:0,0,0::\n"
    (root / "labelmap.txt").write_text(f"{text}leaf:{','.join(map(str, leaf))}::\nstem:0,128,0::\n")


@pytest.mark.parametrize("listed", ["default", "train"])
def test_masks_of_cvat(tmp_path, listed):
    cvat(tmp_path, listed)
    found = open_folder(tmp_path, "all")
    assert [name for name, _ in found] == ["plant_0", "plant_1", "plant_2"]
    for number, (_, read) in enumerate(found):
        np.testing.assert_array_equal(read()[1], labels_of(number))
    for category, kept in (("leaf", [1, 2]), ("stem", [3])):
        for number, (_, read) in enumerate(open_folder(tmp_path, "all", category)):
            labels = labels_of(number)
            np.testing.assert_array_equal(read()[1], np.where(np.isin(labels, kept), labels, 0))
    with pytest.raises(UsageError, match="data.category is 'person'; expected one of leaf, stem"):
        open_folder(tmp_path, "all", "person")


def test_many_objects_and_other_colours(tmp_path, problems):
    cvat(tmp_path, "train")
    file, ids = tmp_path / "SegmentationObject" / "plant_0.png", np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    read = open_folder(tmp_path, "train")[0][1]
    for last in (20, 254, 255, 300):
        labels = np.where(ids <= last, ids, 0)
        labels[-1, -1] = 255
        save(file, table(301)[labels])
        expected = np.where((labels == 255) & (last < 254), -1, labels)
        np.testing.assert_array_equal(read()[1], expected)
    save(file, np.full((HEIGHT, WIDTH, 3), (250, 51, 83), np.uint8))
    assert "mask has the colour (250, 51, 83), which is not one of VOC's" in problems(tmp_path, "train")[0]
    Image.fromarray(picture(0, 4)).save(file)
    assert "mask has 4 channels" in problems(tmp_path, "train")[0]
    (tmp_path / "labelmap.txt").write_text("leaf\n")
    with pytest.raises(DataError, match="labelmap.txt: has a line without a colour; expected NAME:RED,GREEN,BLUE::"):
        open_folder(tmp_path, "train", "leaf")


@pytest.mark.parametrize(("make", "lists"), [(voc, "VOCdevkit/VOC2012/ImageSets/Segmentation"), (sbd, SBD)])
def test_lists_of_sbd_and_voc_are_read_alike(tmp_path, make, lists):
    expected = make(tmp_path)
    (tmp_path / lists / "train.txt").write_bytes("".join(f"{name}.jpg\r\n" for name in NAMES[:3]).encode("utf-16"))
    found = open_folder(tmp_path, "train")
    assert [name for name, _ in found] == list(NAMES[:3])
    for name, read in found:
        np.testing.assert_array_equal(read()[1], expected[name])
