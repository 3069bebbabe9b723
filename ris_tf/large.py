"""Prediction of images too large to hold: read, looked at, stitched and written part by part.

The tiles and the stitching are those of `inference`; only the order differs, and how much is held. Tiles are looked at
row by row (`bands`), the rows of the label map that no further tile reaches are set aside on disk with provisional ids
(`scroll`), and when all are known the map is written with the ids 1..n, in the reading order of the objects.
"""

import collections
import contextlib
import dataclasses

import numpy as np
from tqdm import tqdm

from ris_tf import label_files
from ris_tf.bands import Bands, remove
from ris_tf.data.regions import open_regions, zarr_library
from ris_tf.errors import DataError, UsageError
from ris_tf.outputs import object_row
from ris_tf.scroll import Scroll
from ris_tf.tally import Tally
from ris_tf.tiling import MARGIN

FORMS = ("labels", "tiff", "zarr", "csv")  # what can be written of a large image


@dataclasses.dataclass(frozen=True)
class LargeInstances:
    """What was found in a large image. The label map is in its file.

    Attributes:
        scores: float32 `[count]`; `scores[i]` belongs to label `i + 1`.
        area: int64 `[count]`, pixels.
        centroid: float64 `[count, 2]`, (row, column).
        box: int64 `[count, 4]`, (left, top, width, height).
    """

    scores: np.ndarray
    area: np.ndarray
    centroid: np.ndarray
    box: np.ndarray

    @property
    def count(self):
        """Number of instances, int."""
        return len(self.scores)


def check(model, file, write):
    """Checks before any work whether a large image can be predicted; returns its Regions.

    Args:
        model: RIS or Exported.
        file: Path of the image.
        write: forms to write.

    Raises:
        UsageError: the model's view is not "tiles", a form cannot be written, or zarr is not installed.
        DataError: the header cannot be read.
    """
    view = model.config.data.view
    if view != "tiles":
        raise UsageError(
            f"{file}: is to be read by tiles, but a model of the view {view!r} looks at an image as a whole; "
            "reduce the image or cut it up, or take a model of the view 'tiles', such as nuclei"
        )
    impossible = [form for form in write if form not in (*FORMS, "overlay")]
    if impossible:
        raise UsageError(
            f"--write={impossible[0]}: is not for {file}, which is read by tiles; for it there are {','.join(FORMS)}"
        )
    if "zarr" in write:
        zarr_library()
    return open_regions(file)


def parts_folder(out, name):
    """Where the parts of an image are kept until all is done: Path."""
    return out / f"{name}_parts"


def predict(model, file, out, name, crf=False, write=("labels",), pixel_size=None):
    """Finds the instances of a large image and writes its label map.

    Args:
        model: RIS or Exported.
        file: Path of a TIFF or zarr.
        out: Path of a folder that exists: `name`_labels.tif and `name`_labels.zarr are written there, and what is
            found on the way into `name`_parts, which stays there.
        name: of the image.
        crf: whether masks are refined by a fully connected CRF.
        write: forms of FORMS.
        pixel_size: micrometres, or None.

    Returns:
        LargeInstances.

    Raises:
        UsageError, DataError: as of `check`; pixels cannot be read; or `name`_parts is of a run with other parameters,
            or is another's.
    """
    regions, folder = check(model, file, write), parts_folder(out, name)
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
        finally:
            provisional.unlink(missing_ok=True)
    return found


def forget(out, name):
    """Removes the parts of an image, once nothing more is to be done; what others put beside them stays."""
    with contextlib.suppress(OSError):
        remove(parts_folder(out, name))


def object_rows(name, instances, pixel_size=None):
    """Yields, for LargeInstances, what `outputs.object_rows` lists."""
    for index in range(instances.count):
        measured = (found[index] for found in (instances.scores, instances.area, instances.centroid))
        yield object_row(name, index + 1, *measured, instances.box[index].tolist(), pixel_size)


@contextlib.contextmanager
def _disk(out):
    """Tells of a full or closed disk in one line."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{out}: cannot be written ({error.strerror or error}); make room, and run the same again to go on"
        ) from error


def _stitch(bands, shape, min_area, stream, name):
    """Puts all bands together; writes the map with provisional ids, int32.

    Returns:
        LargeInstances, and int32 [ids + 1], the label of each provisional id, 0 for none.
    """
    scroll, tally = Scroll(*shape, min_area), Tally(shape[1])
    waiting = collections.deque()  # closer looks, which follow all tiles that they overlap
    ends = [*(row[0][0] for row in bands.boxes[1:]), shape[0]]  # where the tiles to come begin
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


def _bottom(look):
    return look.box[0] + look.box[2]


def _renumbered(path, shape, labels, title):
    """Yields the strips of the map in `path` with their final labels."""
    height, width = shape
    with path.open("rb") as stream, tqdm(total=height, desc=title, unit="row", leave=False) as progress:
        for row in range(0, height, label_files.TILE):
            count = min(label_files.TILE, height - row)
            yield labels[np.fromfile(stream, np.int32, count * width).reshape(count, width)]
            progress.update(count)
