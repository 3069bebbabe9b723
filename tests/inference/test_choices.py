"""Choices at prediction time change what is found as their names say, for a model as for its exported file."""

import numpy as np
import pytest
from scenes.blobs import mosaic

from ris_tf import RIS, presets, runtime
from ris_tf.errors import UsageError
from ris_tf.inference import consensus
from ris_tf.inference.choices import NAMES, chosen, fields_of
from ris_tf.inference.zoom import search


@pytest.fixture(scope="module", params=["keras", "litert"])
def nuclei(request):
    return RIS.from_preset("nuclei") if request.param == "keras" else runtime.load(presets.litert_file("nuclei"))


@pytest.fixture(scope="module")
def image():
    return mosaic(128, 128, 32, 9)[0]  # 16 discs


def test_nothing_chosen_is_the_config_itself(nuclei):
    assert chosen(nuclei.config, **dict.fromkeys(NAMES)) is nuclei.config


def test_thresholds_and_areas(nuclei, image):
    before = nuclei.predict_instances(image)
    assert before.count == 16 and not before.limit_reached
    assert nuclei.predict_instances(image, score_threshold=1.0).count == 0
    areas = np.bincount(before.labels.ravel())[1:]
    thin = nuclei.predict_instances(image, mask_threshold=0.95)
    assert 0 < np.count_nonzero(thin.labels) < 0.95 * areas.sum()
    assert nuclei.predict_instances(image, min_area=int(areas.max()) + 1).count == 0
    assert nuclei.predict_instances(image).count == 16, "choices must not last"


def test_other_thresholds_have_no_likely_range(nuclei):
    assert nuclei.config.predict.count_spread > 0
    assert chosen(nuclei.config, score_threshold=0.7).predict.count_spread == 0
    other = runtime.load(presets.litert_file("nuclei"))
    consensus.choose(other, 1)
    assert other.config.predict.count_spread > 0  # the model's own value
    consensus.choose(other, 4)
    assert other.config.predict.count_spread == 0


def test_a_diameter_sets_the_zoom(nuclei, image):
    config = chosen(nuclei.config, diameter=13.0)
    assert search(None, config, image[..., None]) == (pytest.approx(nuclei.config.predict.diameter / 13), None)
    assert nuclei.predict_instances(image, diameter=18.0).count == 16


def test_values_out_of_range_are_refused(nuclei):
    for name, value, expected in (
        ("score_threshold", 1.5, "from 0 to 1"), ("mask_threshold", -1, "from 0 to 1"), ("min_area", 0, "from 1"),
        ("diameter", 0, "from 1"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=f"{name} is {value}; expected .*{expected}"):
            fields_of(nuclei.config, **{name: value})
    with pytest.raises(UsageError, match="the view 'focus' finds the size of objects by itself"):
        fields_of(runtime.load(presets.litert_file("rosettes")).config, diameter=20)


def test_small_objects_are_left_out_in_every_view():
    """The area counts in pixels of the image, whatever the size of the network's input."""
    model = runtime.load(presets.litert_file("coins"))
    image = np.full((200, 200), 60, np.uint8)
    rows, columns = np.indices(image.shape)
    for row, column, radius in ((60, 60, 30), (140, 140, 12)):
        image[np.hypot(rows - row, columns - column) < radius] = 200
    areas = np.bincount(model.predict_instances(image).labels.ravel())[1:]
    assert len(areas) == 2
    assert model.predict_instances(image, min_area=int(areas.max())).count == 1
