"""Nuclei in fluorescence microscopy, and other bright blobs on dark background.

ris-train --config=nuclei --data=DIR/nuclei

Expected after 8,000 steps (97 minutes on one CPU core): AP(0.5) 0.87, mean AP 0.63, |DiC| 0.06 of the mean count and
SBD 0.86 on 53 validation images (382 for training). The figures are from one run. Over three seeds the SBD after 300
steps was 0.61 to 0.68.
"""

from ris_tf.configs import base


def get_config():
    config = base.get_config()
    config.name = "nuclei"
    config.model.channels = 1
    config.model.size = (128, 128)
    config.model.steps = 24
    config.data.view = "tiles"
    config.data.max_instances = 48
    config.data.min_area = 8
    config.data.extra = "synthetic:tissue"
    config.data.extra_share = 0.2
    config.data.synthetic_images = 400
    config.data.gamma = 0.1  # small, because outlines are drawn at a certain level of brightness
    config.data.contrast = 0.15
    config.data.brightness = 0.02
    config.train.batch = 12
    config.train.learning_rate = 3e-3
    config.train.forcing_until = 0.2
    config.loss.extra_steps = 4
    config.train.steps = 8000
    config.train.evaluate_every = 500
    config.predict.score_threshold = 0.8  # tuned on validation images, as are the next three
    config.predict.mask_threshold = 0.45
    config.predict.diameter = 26.0
    config.predict.min_area = 20
    config.predict.crf.update(  # searched on 16 validation images
        iterations=5,
        smooth_weight=0.28,
        smooth_distance=3.0,
        bilateral_weight=1.3,
        bilateral_distance=4.4,
        bilateral_colour=0.052,
    )
    return config
