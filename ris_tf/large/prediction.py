"""Prediction of images that do not fit into memory: they are read, predicted, stitched and written part by part.

The tiles and the stitching are the same as in `ris_tf.inference`. Only the order of the work differs, and how much is
held in memory:

1. The network processes the tiles row by row (`bands`).
2. Rows of the label map that no further tile reaches are written to disk with provisional ids (`scroll`).
3. When all tiles are done, the map is written again with the final ids 1..n, in the reading order of the objects.
"""

import collections
import contextlib
import dataclasses

import numpy as np
from tqdm import tqdm

from ris_tf.data.images.regions import open_regions
from ris_tf.data.images.zarr_arrays import zarr_library
from ris_tf.errors import DataError, UsageError
from ris_tf.inference.canvas import MARGIN
from ris_tf.instances import outline_files
from ris_tf.instances.outlines import Outlined, polygons
from ris_tf.instances.outputs import object_row
from ris_tf.large import label_files
from ris_tf.large.bands import Bands, remove
from ris_tf.large.scroll import Scroll
from ris_tf.large.tally import Tally

# Forms that can be written for a large image.
FORMS = ("labels", "tiff", "zarr", "csv", "timeseries", "plot", *outline_files.FORMS)


@dataclasses.dataclass(frozen=True)
class LargeInstances:
    """The objects found in a large image. Their label map is only on disk.

    Attributes:
        scores: float32 `[count]`; `scores[i]` belongs to label `i + 1`.
        area: int64 `[count]`, pixels.
        centroid: float64 `[count, 2]`, (row, column).
        box: int64 `[count, 4]`, (left, top, width, height).
        limit_reached: None, because it is not recorded for large images; see `Instances`.
    """

    limit_reached = None

    scores: np.ndarray
    area: np.ndarray
    centroid: np.ndarray
    box: np.ndarray

    @property
    def count(self):
        """Number of instances, int."""
        return len(self.scores)


def check(model, file, write, choice=None):
    """Checks, before any work starts, whether a large image can be predicted; returns its Regions.

    Args:
        model: RIS or Exported.
        file: Path of the image.
        write: list of the forms to write.
        choice: `planes.Choice` of the plane, if there are several.

    Raises:
        UsageError: the model's view is not "tiles", a form cannot be written for a large image, or zarr is not
            installed.
        DataError: the header of the image cannot be read.
    """
    view = model.config.data.view
    if view != "tiles":
        raise UsageError(
            f"{file}: must be read tile by tile, but a model of the view {view!r} needs the image as a whole; "
            "shrink the image or cut it into parts, or use a model of the view 'tiles', such as nuclei"
        )
    impossible = [form for form in write if form not in (*FORMS, "overlay")]
    if impossible:
        raise UsageError(
            f"--write={impossible[0]}: cannot be written for {file}, which is read tile by tile; expected some of "
            f"{','.join(FORMS)}"
        )
    if "zarr" in write:
        zarr_library()
    return open_regions(file, choice)


def parts_folder(out, name):
    """Returns the Path of the folder that holds the intermediate results of an image."""
    return out / f"{name}_parts"


def predict(model, file, out, name, crf=False, write=("labels",), pixel_size=None, choice=None):
    """Finds the instances of a large image and writes its label map.

    Args:
        model: RIS or Exported.
        file: Path of a TIFF or zarr.
        out: Path of an existing folder, to which the files of `name` are written. Intermediate results are stored in
            `name`_parts, which is not removed, see `forget`.
        name: name of the image, str.
        crf: whether masks are refined by a fully connected CRF.
        write: list of FORMS to write.
        pixel_size: side of a pixel in micrometres, or None.
        choice: `planes.Choice` of the plane, if there are several. Then `name` must name the plane, too, because an
            interrupted run is recognised by it.

    Returns:
        LargeInstances.

    Raises:
        UsageError: see `check`.
        DataError: see `check`; or pixels cannot be read, the disk is full, or `name`_parts belongs to a run with other
            parameters or to something else.
    """
    regions, folder = check(model, file, write, choice), parts_folder(out, name)
    with _disk(out):
        bands = Bands(model, regions, file, folder, crf)
        provisional = folder / "labels.raw"
        try:
            with provisional.open("wb") as stream:
                found, ids = _stitch(bands, regions.shape[:2], model.config.predict.min_area, stream, name)
            write_map = {"tif": label_files.write_tiled_tiff, "zarr": label_files.write_ome_zarr}
            wanted = {"tif": {"labels", "tiff"} & set(write), "zarr": "zarr" in write}
            for kind in (kind for kind in wanted if wanted[kind]):
                strips = _renumbered(provisional, regions.shape[:2], ids, f"{name}_labels.{kind}")
                write_map[kind](out / f"{name}_labels.{kind}", strips, regions.shape[:2], found.count, pixel_size)
            for row in (outline_files.FORMS[form] for form in write if form in outline_files.FORMS):
                objects = _outlined(provisional, regions.shape[:2], ids, found, f"{name}{row.ending}")
                row.write(out / f"{name}{row.ending}", objects, regions.shape[:2])
        finally:
            provisional.unlink(missing_ok=True)
    return found


def forget(out, name):
    """Removes the intermediate results of an image; other files in their folder are kept."""
    with contextlib.suppress(OSError):
        remove(parts_folder(out, name))


def object_rows(name, instances, pixel_size=None):
    """Yields the rows of LargeInstances for the table of objects, same as `outputs.object_rows`."""
    for index in range(instances.count):
        measured = (found[index] for found in (instances.scores, instances.area, instances.centroid))
        yield object_row(name, index + 1, *measured, instances.box[index].tolist(), pixel_size)


@contextlib.contextmanager
def _disk(out):
    """Turns an OSError, such as that of a full or read-only disk, into a DataError of one line."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{out}: cannot be written ({error.strerror or error}); make room and run the same command again to resume"
        ) from error


def _stitch(bands, shape, min_area, stream, name):
    """Stitches all bands, and writes the label map with provisional ids to `stream`, int32.

    Returns:
        LargeInstances, and int32 [ids + 1], the final label of each provisional id, 0 if it was dropped.
    """
    scroll, tally = Scroll(*shape, min_area), Tally(shape[1])
    waiting = collections.deque()  # closer looks; each must be added after all tiles that it overlaps
    ends = [*(row[0][0] for row in bands.boxes[1:]), shape[0]]  # top of the next row of tiles
    with tqdm(total=sum(map(len, bands.boxes)), desc=name, unit="tile") as progress:
        for boxes, band, end in zip(bands.boxes, bands, ends, strict=True):
            for look in band.tiles:
                scroll.add(look.labels, look.scores, *look.box[:2])
            waiting += band.closer
            while waiting and (end == shape[0] or _bottom(waiting[0]) + MARGIN <= end):
                look = waiting.popleft()
                scroll.add(look.labels, look.scores, *look.box[:2])
            strip = scroll.release(min([end, *(look.box[0] for look in waiting)]))
            tally.add(strip)
            stream.write(strip.tobytes())
            progress.update(len(boxes))
    homes, scores = scroll.finish()
    ids, *measured = tally.objects(homes)
    labels = np.zeros(len(homes), np.int32)
    labels[ids] = np.arange(1, len(ids) + 1)
    return LargeInstances(np.float32([scores[number] for number in ids.tolist()]), *measured), labels[homes]


def _outlined(path, shape, labels, found, title):
    """Yields an Outlined for each object of the map in `path`, see `_renumbered`; `found` is LargeInstances."""
    provisional = np.memmap(path, np.int32, "r", shape=shape)
    for index, box in enumerate(tqdm(found.box.tolist(), title, unit="object", leave=False)):
        left, top, width, height = box
        window = labels[provisional[top : top + height, left : left + width]]
        yield Outlined(index + 1, float(found.scores[index]), polygons(window == index + 1, left, top))


def _bottom(look):
    """Returns the row below a look, int."""
    return look.box[0] + look.box[2]


def _renumbered(path, shape, labels, title):
    """Yields the strips of the map in `path`, with provisional ids replaced by final labels."""
    height, width = shape
    with path.open("rb") as stream, tqdm(total=height, desc=title, unit="row", leave=False) as progress:
        for row in range(0, height, label_files.TILE):
            count = min(label_files.TILE, height - row)
            yield labels[np.fromfile(stream, np.int32, count * width).reshape(count, width)]
            progress.update(count)
