"""Single files to arrays: the decoders of image formats, and the choice of what to read of a file.

`single` reads an image or a label map, and lists the images of a folder. `decoding` decodes PNG, JPEG, TIFF and npy,
`pickled` the masks of Cellpose. `tiff_pages`, `zarr_arrays`, `npy_arrays` and `planes` find axes and choose planes,
`chosen` for a whole data set; `orientation` turns photographs, `taken` is their time; `tiff_values`, `tiff_colours`,
`jpeg2000`, `png_chunks`, `pixels` and `packed` check values, colours and sizes; `regions` reads parts of large TIFF and
zarr files, which `tiff_pieces` loads. `notes` warns once with the same words.

Start with `single`; for a new image format with `decoding`.
May import: errors, instances.
"""
