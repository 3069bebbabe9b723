"""From files to arrays: one file for each layout of a data set, and the decoders of image formats.

`layouts` is the table of layouts; a new layout is a new file with a `LAYOUT` and a row there. `label_maps`,
`cellpose`, `leaves`, `mask_files`, `coco`, `roboflow`, `yolo`, `labelme`, `geojson`, `voc`, `sbd`, `tfrecord` and
`hub` read one layout each, with `coco_entries`, `coco_outlines` and `coco_crowds` for COCO, `outlines` and `beside`
for a file of outlines per image, `voc_colours` for VOC; `coco_ids` serves `ris-predict`. `splits` finds train, val
and test, `name_lists` and `pairs` find files by their names, `notes` warns once. `files` reads single images and
label maps; `decoding` decodes PNG, JPEG, TIFF and npy, `pickled` the masks of Cellpose; `tiff_pages`, `zarr_arrays`
and `planes` find axes and choose planes; `orientation` turns photographs; `tiff_values`, `pixels` and `packed` check
values and sizes; `regions` reads parts of large TIFF and zarr files.

Start with `layouts`; for a new image format with `decoding`.
May import: errors, files, instances.
"""
