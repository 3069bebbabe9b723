"""Layouts of data sets: one file for each way in which images and their objects lie in folders.

`layouts` is the table of layouts; a new layout is a new file with a `LAYOUT` and a row there. `label_maps`, `cellpose`,
`leaves`, `mask_files`, `coco`, `coco_file`, `roboflow`, `yolo`, `labelme`, `via`, `geojson`, `voc`, `sbd`, `tfrecord`
and `hub` read one layout each, with `coco_entries`, `coco_outlines` and `coco_crowds` for COCO, `outlines` and `beside`
for a file of outlines per image, `json_files` for both, `voc_colours` for VOC, `records` for TFRecord; `coco_ids` and
`named_regions` serve `ris-predict`. `splits` finds train, val and test; `name_lists` and `pairs` find files by their
names.

Start with `layouts`.
May import: data.images, errors, files, instances.
"""
