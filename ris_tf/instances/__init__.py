"""What was found in an image, and the files that hold it.

`labels` has `Instances`, label maps and mask stacks; `extents` measures objects, `places` finds their regions;
`outputs` makes COCO results and tables; `outlines` finds the edges of objects, and `outline_files` lists the files that
hold them: `imagej` regions, `geojson`, `labelme`, labels of `yolo`. `visualize` draws overlays, in `colours` that can
be told apart (by `cielab`); `unfinished` keeps the results of finished images, so that an interrupted `ris-predict` or
`ris-evaluate` can resume.

Start with `labels.Instances`.
May import: errors, files, settings.
"""
