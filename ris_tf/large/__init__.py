"""Prediction on images too large for memory, such as whole slides: read, predicted, stitched and written in strips.

`prediction` is the whole way of one image; `bands` predicts one row of tiles after another and keeps the results on
disk, so that an interrupted run can resume; `scroll` stitches tiles with only some rows in memory, so that an object at
a seam is counted once (the rules are in `inference/stitching.py`); `turning` turns the tiles of photographs upright;
`tally` measures the objects; `label_files` writes tiled TIFF and OME-Zarr.

Start with `prediction.predict`.
May import: data, data.images, errors, files, inference, instances, settings.
"""
