"""Single files to arrays: the decoders of image formats, and the choice of what to read of a file.

`single` reads an image or a label map, and lists the images of a folder. `decoding` decodes PNG, JPEG, TIFF and npy,
`pickled` the masks of Cellpose. `tiff_pages`, `zarr_arrays`, `npy_arrays` and `planes` find axes and choose planes;
`orientation` turns photographs, `taken` is their time; `tiff_values`, `png_chunks`, `pixels` and `packed` check values
and sizes; `regions` reads parts of large TIFF and zarr files. `notes` warns once with the same words.

Start with `single`; for a new image format with `decoding`.
May import: errors, instances.
"""
