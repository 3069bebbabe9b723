"""Planes of large stacks: read tile by tile, and not mixed up when a run resumes."""

import numpy as np
import pytest
import tifffile
from test_large import Threshold, picture

from ris_tf.commands import predict
from ris_tf.data.images.planes import Choice


def test_planes_read_by_tiles_are_those_of_separate_files(small, tmp_path):
    model, planes = Threshold(small), np.stack([picture(seed)[0] for seed in range(2)])
    how = {"photometric": "minisblack", "tile": (64, 64), "compression": "zlib"}
    tifffile.imwrite(tmp_path / "stack.tif", planes, metadata={"axes": "ZYX"}, **how)
    for number, plane in enumerate(planes):
        tifffile.imwrite(tmp_path / f"{number}.tif", plane, **how)
    flat = [tmp_path / f"{number}.tif" for number in range(2)]
    apart = predict.predict(model, flat, tmp_path / "apart", as_large=True)
    model.looks, model.most = 0, 3
    stack, out = [tmp_path / "stack.tif"], tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        predict.predict(model, stack, out, as_large=True, choice=Choice(z=0))
    model.most = 10**9
    found = predict.predict(model, stack, out, as_large=True, choice=Choice(z="all"))
    for number in range(2):
        assert found[f"stack_z{number}"].count == apart[str(number)].count > 10
        maps = [tifffile.imread(path / f"{name}_labels.tif") for path, name in (
            (out, f"stack_z{number}"), (tmp_path / "apart", str(number))
        )]  # fmt: skip
        np.testing.assert_array_equal(*maps)
