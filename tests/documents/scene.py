"""The folder in which a reader stands: images, data sets laid out as the pages say, small models."""

import shlex
import shutil

import numpy as np
import zarr
from PIL import Image
from test_layouts import leaves, sbd, voc

from ris_tf.data import synthetic

SIDE = 64
DRAWN = {"data.synthetic_images": "2", "data.synthetic_size": str(SIDE)}
TRAINING = {  # in place of hours
    **DRAWN,
    "train.steps": "1",
    "train.evaluate_every": "1",
    "train.validation_images": "1",
    "train.batch": "2",
    "data.augment": "flip",
    "data.extra": "",
    "data.extra_share": "0.0",
    "loss.queries": "2",
    "model.steps": "3",
}
NETWORK = {  # of those that do not start from a trained one
    "model.size": "(64,64)",
    "model.attend.widths": "(8,8,8,8,8)",
    "model.attend.features": "8",
    "model.paper.filters": "4",
    "model.fcn8s.widths": "(4,4,4,4,4)",
    "model.fcn8s.dense": "8",
    "model.fcn8s.weights": "random",
    "model.mobilenet_v2.weights": "random",
}


def pair(number):
    """A drawn image and its label map."""
    image, labels = synthetic.sample("discs", 1, number, SIDE)
    return image, labels.astype(np.uint16)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write(folder):
    """Fills an empty folder with all that the pages' commands name; DIR is made by `lay`."""
    pictures = "cells.tif", "plant.jpg", "other.png", "more_images/a.png", "new_images/b.png", "slide.tif"
    for number, name in enumerate(pictures):
        save(folder / name, pair(number)[0])
    zarr.save_array(folder / "slide.zarr", pair(0)[0])
    for number, split in enumerate(("train", "train", "val", "test")):
        for kind, array in zip(("images", "masks"), pair(number), strict=True):
            save(folder / "pairs" / split / kind / f"{number}.png", array)
            save(folder / "group" / "nuclei" / split / kind / f"{number}.png", array)
    leaves(folder / "leaves")
    voc(folder)
    sbd(folder)


def lay(folder, line):
    """Makes DIR what a command takes it for."""
    kinds = {"DIR/A1": "leaves", "DIR/nuclei": "group"}
    kind = next((kind for part, kind in kinds.items() if part in line), "pairs")
    (folder / "DIR").unlink(missing_ok=True)
    (folder / "DIR").symlink_to(kind)
    shutil.rmtree(folder / "OUT", ignore_errors=True)  # alternatives write to the same place


def shortened(line, trains=False):
    """A ris-... command as words, with few and small images, and if it `trains`, one step of a small network."""
    name, *words = shlex.split(line, comments=True)
    changes = {}
    if name == "ris-train":
        changes = (TRAINING | ({} if "--init=" in line else NETWORK)) if trains else DRAWN
        changes = {f"--config.{field}": value for field, value in changes.items()}
    elif name == "ris-evaluate" and "=synthetic:" in line:
        changes = {"--images": "2"}
    kept = [word for word in words if word.split("=")[0] not in changes]
    return [name, *kept, *(f"{flag}={value}" for flag, value in changes.items())]
