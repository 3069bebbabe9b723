"""Data sets: where images and label maps come from, and what is checked of them.

`sources` opens a data set by name; `images/` reads single files, `readers/` data sets, one file for each layout;
`synthetic/` generates images; `sampling/` makes training batches. `normalize`, `white` and `focus` serve training and
prediction alike; `inspection` (`ris-data inspect`), `foreground` and `convert` look through a data set and write it in
other formats, with `to_yolo`, `to_label_maps` and `lossless`.

Start with `sources.open_source`.
May import: data.images, data.readers, data.synthetic, errors, files, instances.
"""
