"""Tables of ris-predict that cover all images: objects in regions of interest, and series in order of time."""

import datetime
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ris_tf.data.images.taken import taken
from ris_tf.data.readers import named_regions
from ris_tf.errors import UsageError
from ris_tf.evaluation import count_range
from ris_tf.files.writing import write_table, write_text
from ris_tf.instances.labels import Instances
from ris_tf.instances.places import place_of
from ris_tf.optional import import_optional


def check_file(roi):
    """Raises UsageError if the file of --roi is missing, DataError if it holds no regions; None stands for no file."""
    if roi is not None and not os.path.isfile(roi):
        raise UsageError(f"--roi={roi}: no such file; expected regions as polygons in GeoJSON")
    regions(roi, ())


def regions(roi, tiled):
    """Reads the regions of interest.

    Args:
      roi: GeoJSON file, or None.
      tiled: names of the images that are read tile by tile, str.

    Returns:
      see `named_regions.read`; empty without a file.

    Raises:
      DataError: see `named_regions.read`.
      UsageError: there is a file, and an image is read tile by tile.
    """
    if roi is None:
        return {}
    if tiled:
        raise UsageError(f"--roi={roi}: {min(tiled)} is read tile by tile; expected smaller images")
    return named_regions.read(roi)


def check_regions(roi, regions, name, shape):
    """Raises DataError if a region has no pixel in the image `name` of the shape (H, W, ...)."""
    if regions:
        named_regions.draw(roi, regions, name, tuple(shape[:2]))


def region_rows(roi, regions, name, found):
    """Counts the objects of an image in each region: an object is counted where most of its pixels lie.

    Args:
      roi, regions: see `regions`.
      name: name of the image, str.
      found: Instances, as the image is stored.

    Returns:
      list of dict with "image", "region", "count" and "area", the pixels of these objects; the last one is for the
      objects outside. Empty without regions.
    """
    if not regions:
        return []
    masks = named_regions.draw(roi, regions, name, found.labels.shape)
    places = place_of(found.labels, list(masks.values()))
    areas = np.bincount(found.labels.ravel(), minlength=found.count + 1)[1:]
    rows = []
    for index, region in enumerate((*masks, named_regions.OUTSIDE)):
        inside = areas[places == index]
        rows.append({"image": name, "region": region, "count": len(inside), "area": int(inside.sum())})
    return rows


def count_row(name, found, spread):
    """Row of counts.csv.

    Args:
      name: str, file name of the image.
      found: Instances or LargeInstances.
      spread: `config.predict.count_spread` of the model.

    Returns:
      dict with "image", "count", "likely_low" and "likely_high", both empty if the range is not known, and
      "limit_reached".
    """
    low, high = _likely(found, spread) or ("", "")
    limit = {True: "yes", False: "no", None: "unknown"}[found.limit_reached]
    return {"image": name, "count": found.count, "likely_low": low, "likely_high": high, "limit_reached": limit}


def likely_note(found, spread):
    """The likely range of the count in words, such as "  (likely 22 to 26)"; an empty text if it is not known."""
    likely = _likely(found, spread)
    return f"  (likely {likely[0]} to {likely[1]})" if likely else ""


def _likely(found, spread):
    return None if found.limit_reached else count_range.likely(found.count, spread)


class Moment(NamedTuple):
    """An image of a series: its name, the time at which it was taken or None, its count, and the area in pixels."""

    image: str
    time: datetime.datetime | None
    count: int
    area: int


def moment(picture, found):
    """The Moment of a `pictures.Picture` in which Instances or LargeInstances were found."""
    area = np.count_nonzero(found.labels > 0) if isinstance(found, Instances) else found.area.sum()
    return Moment(picture.name.name, taken(picture.file), found.count, int(area))


def ordered(series):
    """Puts Moments in order of time if all have a time, otherwise in the natural order of names (a2 before a10)."""
    timed = all(one.time for one in series)

    def place(one):
        parts = re.split(r"(\d+)", Path(one.image).stem)
        name = [int(part) if index % 2 else part.lower() for index, part in enumerate(parts)]
        return (one.time if timed else 0, name, one.image)

    return sorted(series, key=place)


def check_plot():
    """Raises UsageError if matplotlib is missing."""
    import_optional("matplotlib", "--write=plot", "matplotlib", "'ris-tf[report]'")


def write_series(out, write, series):
    """Writes timeseries.csv and timeseries.svg into the folder `out`, if the forms `write` list them."""
    series = ordered(series)
    times = [one.time for one in series]
    if "timeseries" in write:
        rows = [one._asdict() | {"time": one.time.isoformat(" ") if one.time else ""} for one in series]
        write_table(out / "timeseries.csv", rows)
    if "plot" in write:
        from ris_tf.report import plots  # with the metrics that it plots, it takes longer than the rest of this file

        x, places = ("time", times) if all(times) else ("image, in order of names", range(1, len(series) + 1))
        _, _, counts, areas = zip(*series, strict=True)
        write_text(out / "timeseries.svg", plots.series(places, counts, areas, x))
