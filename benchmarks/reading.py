"""Benchmark of the input pipeline: images per second from files to batches, and memory over an epoch of 10,000 images.

    python benchmarks/reading.py --json=reading.json

Speed: PNG images and label maps of 256x256 in a temporary folder pass through all of `training_batches` with the
augmentation of the config `rosettes`; none are kept in memory (`data.memory` is 0). The rival is plain tf.data on the
same files: it decodes and batches them, but does not check, scale or augment them.

Memory: one epoch of synthetic images, of which `data.memory` keeps a tenth. The figures are the memory of the process
in MiB after a fifth of the epoch and at its end.
"""

import json
import tempfile
import time
from pathlib import Path

import tensorflow as tf
from absl import app, flags
from PIL import Image

from ris_tf.configs import rosettes
from ris_tf.data import sources
from ris_tf.data.sampling import pipeline
from ris_tf.data.sampling.records import Records
from ris_tf.data.synthetic import drawings

_AIM = 60.0  # images per second, at least
_WARM = 8  # batches before the timing starts


def write(folder, count, side):
    """Writes images and label maps of synthetic discs as a data set for training."""
    for kind in ("images", "masks"):
        (folder / "train" / kind).mkdir(parents=True)
    for index in range(count):
        image, labels = drawings.sample("discs", 1, index, side)
        Image.fromarray(image).save(folder / "train" / "images" / f"{index:05d}.png")
        Image.fromarray(labels).save(folder / "train" / "masks" / f"{index:05d}.png")


def rate(batches, config, count):
    """Images per second of an endless dataset, measured over `count` images."""
    batches = iter(batches)
    for _ in range(_WARM):
        next(batches)
    start = time.perf_counter()
    for _ in range(count // config.train.batch):
        next(batches)
    return count / (time.perf_counter() - start)


def plain(folder, config):
    """The rival: an endless dataset of the same files by plain tf.data."""

    def decode(name):
        image = tf.io.decode_png(tf.io.read_file(name), 3)
        labels = tf.io.decode_png(tf.io.read_file(tf.strings.regex_replace(name, "images", "masks")), 1, tf.uint16)
        return image, labels

    names = tf.data.Dataset.list_files(str(folder / "train" / "images" / "*.png"), seed=1).repeat()
    return names.map(decode, 2).batch(config.train.batch).prefetch(4)


def held():
    """Resident memory of this process, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def epoch(config, images, side):
    """Resident memory after a fifth of an epoch of synthetic images, and at its end: list of two numbers, MiB."""
    bytes_each = side * side * (3 * 4 + 4)
    config.data.memory = images * bytes_each // 10 // 2**20
    records = Records(sources.open_source("synthetic:discs", "train", side, images, 1), config)
    batches, points = iter(pipeline.training_batches(records, config)), []
    for index in range(images // config.train.batch):
        next(batches)
        if index in (images // config.train.batch // 5, images // config.train.batch - 1):
            points.append(held())
    return points


def main(_):
    values = flags.FLAGS
    config = rosettes.get_config()
    config.data.update(view="whole", memory=0)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write(folder, values.files, values.side)
        records = Records(sources.open_source(folder, "train"), config)
        ours = rate(pipeline.training_batches(records, config), config, values.count)
        rival = rate(plain(folder, config), config, values.count)
    print(f"{ours:.0f} images/s read and augmented (target: {_AIM:.0f}); tf.data, decoding only: {rival:.0f} images/s")
    print(f"ratio {ours / rival:.2f}", flush=True)
    early, late = epoch(config, values.epoch, values.side)
    print(f"{values.epoch} synthetic images: {early:.0f} MiB after a fifth of the epoch, {late:.0f} MiB at its end")
    if values.json:
        figures = {"images_per_second": ours, "tf_data": rival, "ratio": ours / rival, "mib": [early, late]}
        Path(values.json).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    flags.DEFINE_integer("files", 200, "number of files to write", lower_bound=4)
    flags.DEFINE_integer("count", 1200, "number of images to time", lower_bound=8)
    flags.DEFINE_integer("side", 256, "side of an image, pixels", lower_bound=32)
    flags.DEFINE_integer("epoch", 10000, "number of synthetic images in the epoch", lower_bound=40)
    flags.DEFINE_string("json", None, "JSON file to write the figures to")
    app.run(main)
