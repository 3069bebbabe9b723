"""From an image of any size to instances; NumPy only (but for `crf`), so that every runtime can use it.

`prediction` does it as the view of the model asks; `looks` runs the network on boxes, applies the stop rule and decides
each pixel; `views` does so for all parts of an image at a zoom, which `zoom` finds; `tiling` places the parts;
`pointing` outlines the object at a place; `canvas` joins their objects by the rules in `stitching`, so that an object
at a seam is counted once, and keeps them in an `object_map`; `consensus` combines several orientations; `crf` refines
masks; `resampling` scales images and masks (`export/geometry.py` does the same in TensorFlow); `order` has the stop
rule and records the order of objects; `choices` are what a user may change.

Start with `prediction.predict_instances`. Images too large for memory: `large/`.
May import: data, errors, instances, settings.
"""
