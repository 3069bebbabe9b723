"""Runs the network on a large image, one row of tiles at a time, and stores the results on disk.

A row of tiles is called a *band*. Each band is written when it is complete. If the same run is started again, it reads
the bands that exist and computes only the others.
"""

import io
import itertools
import json
import typing
import zipfile
import zlib

import numpy as np

from ris_tf.data.images.orientation import orientation_of
from ris_tf.data.normalize import levels, scale
from ris_tf.data.white import white_of
from ris_tf.errors import DataError
from ris_tf.files.writing import sweep, write_bytes, write_text
from ris_tf.inference.consensus import agreed
from ris_tf.inference.looks import closer_boxes, look_at, tile_boxes
from ris_tf.inference.resampling import background, sample
from ris_tf.inference.zoom import zoom_of
from ris_tf.large.turning import turned
from ris_tf.settings.ranges import prediction_fields

_BATCH = 32  # tiles per call of the network
_LOOKS_FOR_SCALE = 64  # tiles from which the zoom is estimated
_GRID, _WINDOW = 16, 256  # the levels of grey are estimated from 16 x 16 windows of 256 x 256 pixels
_SAME = 0.02  # tolerance: one model gives the same outputs for one tile, except for rounding
_RECORD = "run.json"


class Look(typing.NamedTuple):
    """The objects that the network found in one tile."""

    box: tuple  # (top, left, height, width) in image pixels
    labels: np.ndarray  # integer [height, width]
    scores: np.ndarray  # float32 [n]


class Band(typing.NamedTuple):
    """The results of one row of tiles. A tile whose objects use up all steps is replaced by four closer looks."""

    tiles: list  # of Look
    closer: list  # of Look


class Scan:
    """A large image as input of the network: each part is normalised when it is read, everywhere by the same levels.

    Args:
        regions: Regions of the image.
        channels: number of channels that the network reads.
        levels: see `normalize.levels`.

    Attributes:
        shape: (height, width, channels).
    """

    def __init__(self, regions, channels, levels):
        self.shape = (*regions.shape[:2], channels)
        self._regions, self._levels = regions, levels

    def __getitem__(self, part):
        return scale(self._regions.read(*part), self.shape[2], self._levels)


class Bands:
    """The bands of one image, in order from the top, stored in a folder.

    Args:
        model: RIS or Exported, of the view "tiles".
        regions: Regions of the image.
        source: Path of the image; it is recorded, to recognise the run.
        folder: Path; created if missing.
        crf: whether masks are refined by a fully connected CRF.

    Attributes:
        zoom: network pixels per image pixel.
        boxes: list of lists of (top, left, height, width), the tiles of each band.

    Raises:
        DataError: the folder contains the bands of a run with other parameters, or files of something else.
    """

    def __init__(self, model, regions, source, folder, crf=False):
        self._config, self._crf, self._folder = model.config, crf, folder
        self._look = turned(model.look, orientation_of(source), model.config.model.size)
        channels = self._config.model.channels
        stat = source.stat()
        image = {"path": str(source.resolve()), "bytes": stat.st_size, "changed": stat.st_mtime_ns}
        asked = {"image": {**image, "shape": list(regions.shape)}, "crf": crf, "model": prediction_fields(self._config)}
        record = self._begun(asked)
        if record is None:
            found = levels(_sample(regions), channels) if channels == 1 else (0.0, white_of(_strips(regions)))
            self._scan = Scan(regions, channels, found)
            zoom = zoom_of(self._look, self._config, self._scan, _LOOKS_FOR_SCALE)
            self._plan(zoom)
            record = {**asked, "levels": found, "zoom": zoom, "sign": self._sign()}
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / _RECORD, json.dumps(record, indent=1) + "\n")
            return
        self._scan = Scan(regions, channels, record["levels"])
        self._plan(record["zoom"])
        if not np.allclose(self._sign(), record["sign"], atol=_SAME):
            raise self._other("another model")

    def __iter__(self):
        """Yields a Band for each of `boxes`."""
        for number, boxes in enumerate(self.boxes):
            path = self._folder / f"band_{number:05d}.npz"
            band = _read(path)
            if band is None:
                band = self._find(boxes)
                _write(path, band)
            yield band

    def _begun(self, asked):
        """Returns the record of an earlier run with the same parameters, or None if there is none."""
        path = self._folder / _RECORD
        if not path.exists():
            # A run that was killed before its record was written can have left only a half-written record.
            other = [part for part in self._folder.glob("*") if part.name != f".{_RECORD}.tmp"]
            if other:
                raise DataError(
                    f"{self._folder}: holds {other[0].name} and no {_RECORD}, so it is no folder of ris-predict, which "
                    "needs this name for its intermediate results; rename the folder, or give another --out"
                )
            return None
        try:
            record = json.loads(path.read_text("utf-8"))
            differing = [name for name in asked if record[name] != asked[name]]
            complete = len(record["levels"]) == 2 and record["zoom"] > 0 and isinstance(record["sign"], list)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: is not a valid record of ris-predict; delete the folder {self._folder} to start again"
            ) from error
        if differing:
            words = {"image": "another image", "crf": f"--crf={record['crf']}", "model": "another model or config"}
            raise self._other(words[differing[0]])
        return record if complete else None

    def _other(self, what):
        """Returns the error for a folder of another run."""
        return DataError(
            f"{self._folder}: holds intermediate results of a run with {what}; repeat that run to finish it, delete "
            "the folder to start again, or give another --out"
        )

    def _plan(self, zoom):
        """Sets the zoom, and divides the image into rows of tiles."""
        self.zoom = zoom
        boxes = tile_boxes(self._scan.shape[:2], self._config, zoom)
        self.boxes = [list(row) for _, row in itertools.groupby(boxes, lambda box: box[0])]

    def _sign(self):
        """Returns a fingerprint of the model: a few scores and mask pixels of a tile in the middle of the image."""
        row = self.boxes[len(self.boxes) // 2]
        box = row[len(row) // 2]
        tile = sample(self._scan, box, self._config.model.size, background(self._scan, box))
        masks, scores = (np.asarray(found)[0, :4] for found in self._look(tile[None]))
        some = masks[:, :: max(1, masks.shape[1] // 8), :: max(1, masks.shape[2] // 8)]
        return np.concatenate([scores, some.ravel()]).astype(float).round(4).tolist()

    def _find(self, boxes):
        """Runs the network on one row of tiles; returns a Band."""
        tiles, crowded = [], []
        for box, labels, scores, taken in self._look_at(boxes):
            if taken == self._config.model.steps:
                crowded += closer_boxes(box, self._config, self.zoom)
            else:
                tiles.append(Look(box, labels, scores))
        return Band(tiles, [Look(*found[:3]) for found in self._look_at(crowded)])

    def _look_at(self, boxes):
        return look_at(agreed(self._look, self._config), self._config, self._scan, boxes, self._crf, _BATCH)


def remove(folder):
    """Removes the files of Bands from a folder, and the folder itself if nothing else is in it.

    Args:
        folder: Path.

    Raises:
        OSError: the folder does not exist or contains something else.
    """
    for path in folder.glob("band_*.npz"):
        path.unlink()
    sweep(folder)
    (folder / _RECORD).unlink(missing_ok=True)  # last, because it marks the folder as ours
    folder.rmdir()


def _sample(regions):
    """Returns the pixels of windows spread over an image, [N, 1, C]; for a small image all pixels, [H, W, C]."""
    height, width, channels = regions.shape
    if height * width <= (_GRID * _WINDOW) ** 2:
        return regions.read(slice(0, height), slice(0, width))
    rng, found = np.random.default_rng(0), []
    for top, tall in _windows(height, rng):
        for left, wide in _windows(width, rng):
            found.append(regions.read(slice(top, top + tall), slice(left, left + wide)).reshape(-1, 1, channels))
    return np.concatenate(found)


def _strips(regions):
    """Yields all pixels of an image, some rows at a time. A sample could miss the brightest pixels."""
    height, width, _ = regions.shape
    for top in range(0, height, _WINDOW):
        yield regions.read(slice(top, min(top + _WINDOW, height)), slice(0, width))


def _windows(length, rng):
    """Yields (start, length) of one window at a random place in each of the equal parts of an axis."""
    edges = np.linspace(0, length, min(_GRID, length) + 1).astype(int)
    for start, end in itertools.pairwise(edges.tolist()):
        size = min(_WINDOW, end - start)
        yield int(rng.integers(start, end - size + 1)), size


def _write(path, band):
    looks = [*band.tiles, *band.closer]
    arrays = {
        "boxes": np.array([look.box for look in looks], np.int32).reshape(-1, 4),
        "counts": np.array([len(look.scores) for look in looks], np.int32),
        "scores": np.concatenate([look.scores for look in looks]).astype(np.float32),
        "labels": np.concatenate([look.labels.ravel() for look in looks]).astype(np.uint16),
        "tiles": np.int32(len(band.tiles)),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def _read(path):
    """Returns a Band; None if the file is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("boxes", "counts", "scores", "labels", "tiles")}
        boxes = arrays["boxes"].tolist()
        areas = [height * width for _, _, height, width in boxes]
        labels = np.split(arrays["labels"], np.cumsum(areas)[:-1])
        scores = np.split(arrays["scores"], np.cumsum(arrays["counts"])[:-1])
        looks = [
            Look(tuple(box), part.reshape(box[2:]), some) for box, part, some in zip(boxes, labels, scores, strict=True)
        ]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    count = int(arrays["tiles"])
    return Band(looks[:count], looks[count:])
