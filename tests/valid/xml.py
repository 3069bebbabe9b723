"""OME-XML as Bio-Formats and ome-types write it."""

import numpy as np

_HEAD = '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'


def ome(array: np.ndarray, bits: int) -> bytes:
    """The OME-XML of one image, [H, W] or [H, W, 3], whose SignificantBits are `bits`."""
    samples = array.shape[2] if array.ndim == 3 else 1
    return (
        f'{_HEAD}<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="{array.dtype}" '
        f'SignificantBits="{bits}" SizeX="{array.shape[1]}" SizeY="{array.shape[0]}" SizeC="{samples}" SizeZ="1" '
        f'SizeT="1" BigEndian="false" Interleaved="true"><Channel ID="Channel:0:0" SamplesPerPixel="{samples}"/>'
        '<TiffData FirstC="0" FirstT="0" FirstZ="0" IFD="0" PlaneCount="1"/></Pixels></Image></OME>'
    ).encode()
