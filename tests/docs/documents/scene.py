"""Working folder for running the commands of the documentation: images, data sets, and flags that make runs short."""

import json
import shlex
import shutil

import numpy as np
import tifffile
import zarr
from PIL import Image
from scenes.layouts import leaves, sbd, voc

from ris_tf.data.synthetic import drawings

SIDE = 64
DRAWN = {"data.synthetic_images": "2", "data.synthetic_size": str(SIDE)}
TRAINING = {  # makes training take seconds instead of hours
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
NETWORK = {  # a small network, for runs that do not start from a trained model
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
    """A synthetic image and its label map."""
    image, labels = drawings.sample("discs", 1, number, SIDE)
    return image, labels.astype(np.uint16)


def save(path, array):
    """Writes an image file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write(folder):
    """Fills an empty folder with the files that the pages' commands name, except DIR, which `lay` makes."""
    pictures = "cells.tif", "plant.jpg", "other.png", "more_images/a.png", "new_images/b.png", "slide.tif"
    for number, name in enumerate(pictures):
        save(folder / name, pair(number)[0])
    zarr.save_array(folder / "slide.zarr", pair(0)[0])
    planes = np.stack([np.asarray(Image.fromarray(pair(number)[0]).convert("L")) for number in range(4)])
    zarr.create_array(folder / "stack.zarr", data=planes, dimension_names=["z", "y", "x"])
    tifffile.imwrite(folder / "stack.tif", planes.reshape(2, 2, SIDE, SIDE), imagej=True, metadata={"axes": "TCYX"})
    for number, split in enumerate(("train", "train", "val", "test")):
        for kind, array in zip(("images", "masks"), pair(number), strict=True):
            save(folder / "pairs" / split / kind / f"{number}.png", array)
            for name in ("nuclei", "worms"):
                save(folder / "group" / name / split / kind / f"{number}.png", array)
            stack = np.stack([array[..., 0] if kind == "images" else array] * 4)
            path = folder / "stacks" / split / kind / f"{number}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX"})
    listed = {"id": 5, "file_name": "b.png", "height": SIDE, "width": SIDE}
    content = {"images": [listed], "annotations": [], "categories": [{"id": 2, "name": "cell"}]}
    (folder / "instances_val.json").write_text(json.dumps(content))
    whole = {"type": "Polygon", "coordinates": [[[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE], [0, 0]]]}
    (folder / "pots.geojson").write_text(json.dumps({"type": "Feature", "geometry": whole, "properties": {}}))
    leaves(folder / "leaves")
    voc(folder)
    sbd(folder)


def lay(folder, line):
    """Links DIR to the data set that a command expects there, and removes OUT."""
    kinds = {"DIR/A1": "leaves", "DIR/nuclei": "group", "DIR/worms": "group", "DIR --z": "stacks"}
    kind = next((kind for part, kind in kinds.items() if part in line), "pairs")
    (folder / "DIR").unlink(missing_ok=True)
    (folder / "DIR").symlink_to(kind)
    shutil.rmtree(folder / "OUT", ignore_errors=True)  # alternative commands write to the same folder


def shortened(line, trains=False):
    """Shortens a ris-... command: few and small images and, if it `trains`, one step of a small network.

    Returns:
      list of str, the words of the command.
    """
    name, *words = shlex.split(line, comments=True)
    changes = {}
    if name == "ris-train" and "--config=" in line:
        changes = (TRAINING | ({} if "--init=" in line else NETWORK)) if trains else DRAWN
        changes = {f"--config.{field}": value for field, value in changes.items()}
    elif name == "ris-evaluate" and "=synthetic:" in line:
        changes = {"--images": "2"}
    kept = [word for word in words if word.split("=")[0] not in changes]
    return [name, *kept, *(f"{flag}={value}" for flag, value in changes.items())]
