"""Small data sets in every layout that the readers support.

The functions that write one into a folder return the expected label maps, {name of an image: int [H, W]}.
"""

import numpy as np
import tifffile
from PIL import Image
from scipy.io import savemat

HEIGHT, WIDTH = 24, 30
NAMES = ("2007_000032", "2007_000033", "2008_000008", "2009_000012")


def truth(number):
    """Label map of two touching objects whose ids have gaps; their size depends on `number`."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[3 : 9 + number, 4:12] = 2
    labels[3 : 9 + number, 12 : 20 + number] = 7
    return labels


def picture(number, channels=3):
    """Random image, uint8 [H, W, channels]."""
    return np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 4)).astype(np.uint8)[..., :channels]


def save(path, array):
    """Writes an image file and its folder; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def save_palette(path, indices):
    """Writes an indexed PNG with VOC's palette: three bits of the index at a time go to R, G, B, highest bit first."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    colours = [sum(bits[:, 3 * k + c] << (7 - k) for k in range(3) if 3 * k + c < 8) for c in range(3)]
    image = Image.fromarray(indices)
    image.putpalette(np.stack(colours, axis=1).astype(np.uint8).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def label_maps(root):
    """Folders of images and label maps."""
    for number, name in enumerate(NAMES):
        part = root / ("train" if number < 3 else "val")
        for folder, array in (("images", picture(number)), ("masks", truth(number).astype(np.uint16))):
            (part / folder).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(
                part / folder / f"{name}.tif", array, photometric="rgb" if array.ndim == 3 else "minisblack"
            )
    return {name: truth(number) for number, name in enumerate(NAMES)}


def leaves(root):
    """The layout of the leaf segmentation challenge."""
    expected = {}
    for number in range(4):
        subset = "A1" if number < 3 else "A4"
        plant = root / subset / f"plant{number:03d}"
        labels = truth(number)
        expected[f"{subset}_{plant.name}"] = labels.copy()
        labels[20, 20] = 9  # a leaf of one pixel
        save(plant.with_name(f"{plant.name}_rgb.png"), picture(number))
        save_palette(plant.with_name(f"{plant.name}_label.png"), labels)
        save(plant.with_name(f"{plant.name}_fg.png"), ((labels > 0) * 255).astype(np.uint8))
    (root / "A1.csv").write_text("plant000, 3\n")
    return expected


def mask_files(root):
    """The layout of the 2018 Data Science Bowl: a mask file for each object."""
    for number, name in enumerate(NAMES):
        save(root / "stage1_train" / name / "images" / f"{name}.png", picture(number, 4))  # with alpha
        for value in (2, 7):
            mask = ((truth(number) == value) * 255).astype(np.uint8)
            save(root / "stage1_train" / name / "masks" / f"{'abcdefgh'[value]}{number}.png", mask)
    save(root / "stage1_test" / "x" / "images" / "x.png", picture(9, 4))
    return {name: np.array([0, 0, 1, 0, 0, 0, 0, 2])[truth(number)] for number, name in enumerate(NAMES)}


def voc(root):
    """The layout of PASCAL VOC 2012."""
    expected, base = {}, root / "VOCdevkit" / "VOC2012"
    for number, name in enumerate(NAMES):
        labels = np.array([0, 0, 1, 0, 0, 0, 0, 2], np.uint8)[truth(number)]  # ids in VOC have no gaps
        classes = np.array([0, 15, 9], np.uint8)[labels]  # a person and a chair
        labels[:, 11] = classes[:, 11] = 255  # the border between them
        save(base / "JPEGImages" / f"{name}.jpg", picture(number))
        save_palette(base / "SegmentationObject" / f"{name}.png", labels)
        save_palette(base / "SegmentationClass" / f"{name}.png", classes)
        expected[name] = np.where(labels == 255, -1, labels.astype(int))
    lists = base / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    for split, names in (("train", NAMES[:3]), ("val", NAMES[3:]), ("trainval", NAMES)):
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    return expected


def sbd(root):
    """The layout of the Semantic Boundaries Dataset (SBD)."""
    base = root / "benchmark_RELEASE" / "dataset"
    (base / "inst").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        labels = np.array([0, 0, 1, 0, 0, 0, 0, 2], np.uint8)[truth(number)]
        boundaries = np.empty((2, 1), object)
        boundaries[:, 0] = [np.zeros((HEIGHT, WIDTH)), np.zeros((HEIGHT, WIDTH))]
        instances = {"Segmentation": labels, "Boundaries": boundaries, "Categories": np.array([[15], [9]], np.uint8)}
        savemat(base / "inst" / f"{name}.mat", {"GTinst": instances}, do_compression=True)
        save(base / "img" / f"{name}.jpg", picture(number))
    (base / "train.txt").write_text("\n".join(NAMES[:3]) + "\n")
    (base / "val.txt").write_text(NAMES[3] + "\n")
    return {name: np.array([0, 0, 1, 0, 0, 0, 0, 2])[truth(number)] for number, name in enumerate(NAMES)}
