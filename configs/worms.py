"""Thin worms in bright-field microscopy that touch and cross.

ris-train --config=worms --data=DIR/worms --init=nuclei

Expected after 2,130 steps (66 minutes on one CPU core): SBD 0.85, AP(0.5) 0.78 and |DiC| 0.06 of the mean count on ten
validation images (63 for training). The figures are from one run, which decided these fields by itself.
"""

from ris_tf.configs import base


def get_config():
    config = base.get_config()
    config.name = "worms"
    config.model.channels = 1
    config.model.size = (384, 384)  # the typical worm is then nine pixels thick
    config.data.view = "focus"
    config.data.max_instances = 23
    config.data.scale = (0.8, 1.1)
    config.data.augment = ("rotation", "flip", "scale", "elastic", "gamma", "contrast", "brightness", "colour", "noise")
    config.train.batch = 2
    config.train.unroll = 6
    config.train.midway = 0.75
    config.train.learning_rate = 2e-3
    config.train.warmup = 100
    config.train.forcing_until = 0.1
    config.train.steps = 2130
    config.train.evaluate_every = 266
    config.predict.score_threshold = 0.9  # tuned on validation images, as is the next one
    config.predict.mask_threshold = 0.425
    config.predict.min_area = 350
    return config
