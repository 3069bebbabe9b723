"""Trains and runs the rival StarDist, in an environment of its own (pip install stardist tensorflow).

    python stardist_run.py train EXCHANGE MODEL MINUTES
    python stardist_run.py predict EXCHANGE MODEL

EXCHANGE is the folder in which `accuracy.py` has written train.npz, val.npz and test.npz; MODEL is the model's folder.
Configuration and augmentation are those of StarDist's own 2D example. Training stops after MINUTES. `predict` writes
stardist.npz to EXCHANGE, with the label maps of the test images and the milliseconds for each.
"""

import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from csbdeep.utils import normalize
from stardist.models import Config2D, StarDist2D


def read(exchange, split):
    """Images and label maps of a split, two lists."""
    with np.load(exchange / f"{split}.npz") as arrays:
        count = len(arrays.files) // 2
        return [arrays[f"image_{i}"] for i in range(count)], [arrays[f"labels_{i}"] for i in range(count)]


def prepared(image):
    """The image normalised by its percentiles, as StarDist expects it."""
    return normalize(image.astype(np.float32), 1, 99.8, axis=(0, 1))


def padded(image, labels, side):
    """Pads image (by reflection) and labels (with 0) to at least side x side, the size of the patches cut from them."""
    missing = [(0, max(0, side - length)) for length in labels.shape]
    return np.pad(image, [*missing, (0, 0)][: image.ndim], mode="reflect"), np.pad(labels, missing)


def augment(image, labels):
    """Augmentation of StarDist's example: flips, quarter turns, brightness and contrast, noise."""
    if np.random.rand() < 0.5:
        image, labels = np.swapaxes(image, 0, 1), np.swapaxes(labels, 0, 1)
    for axis in (0, 1):
        if np.random.rand() < 0.5:
            image, labels = np.flip(image, axis), np.flip(labels, axis)
    image = image * np.random.uniform(0.6, 2) + np.random.uniform(-0.2, 0.2)
    sigma = 0.02 * np.random.uniform(0, 1)
    return image + sigma * np.random.normal(0, 1, image.shape), labels


class Until(tf.keras.callbacks.Callback):
    """Keras callback: stops training after the given number of seconds."""

    def __init__(self, seconds):
        super().__init__()
        self.end = time.monotonic() + seconds

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = self.model.stop_training or time.monotonic() > self.end


def train(exchange, folder, minutes):
    arrays = {split: read(exchange, split) for split in ("train", "val")}
    channels = arrays["train"][0][0].shape[2:]  # (), or (3,) for colour
    config = Config2D(n_rays=32, grid=(2, 2), n_channel_in=sum(channels) or 1)
    side = config.train_patch_size[0]
    pairs = {}
    for split, (images, labels) in arrays.items():
        kept = [(prepared(i), part) for i, part in zip(images, labels, strict=True)]
        pairs[split] = [padded(*pair, side) for pair in kept]
    model = StarDist2D(config, name=folder.name, basedir=str(folder.parent))
    model.prepare_for_training()
    model.callbacks.append(Until(minutes * 60))
    images, labels = (list(part) for part in zip(*pairs["train"], strict=True))
    model.train(images, labels, validation_data=tuple(map(list, zip(*pairs["val"], strict=True))), augmenter=augment)
    images, labels = arrays["val"]
    model.optimize_thresholds([prepared(image) for image in images], labels)


def predict(exchange, folder):
    model = StarDist2D(None, name=folder.name, basedir=str(folder.parent))
    images, _ = read(exchange, "test")
    found, times = {}, []
    model.predict_instances(prepared(images[0]))  # warm-up, which compiles
    for index, image in enumerate(images):
        start = time.perf_counter()
        found[f"labels_{index}"] = model.predict_instances(prepared(image))[0]
        times.append(1000 * (time.perf_counter() - start))
    np.savez_compressed(exchange / "stardist.npz", times=times, **found)


def main():
    order, exchange, folder, *rest = sys.argv[1:]
    if order == "train":
        train(Path(exchange), Path(folder), float(rest[0]))
    else:
        predict(Path(exchange), Path(folder))


if __name__ == "__main__":
    main()
