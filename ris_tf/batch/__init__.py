"""Counting millions of images on Apache Beam: what `ris-batch` runs.

`pipeline` is the Beam pipeline; `rows` turns one image into one row of the result table, without Beam.

Start with `pipeline`. The command is in `commands/batch.py`.
May import: data.images, data.readers, errors, instances, runtime.
"""
