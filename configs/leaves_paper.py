"""The published leaf network (ECCV 2016) with its loss and training settings. The inhibition itself is the mask.

    ris-train --config=leaves_paper --data=DIR

The network has 473,343 parameters. DIR has the layout of the leaf challenge (NAME_rgb.png, NAME_label.png). You can
also use synthetic:rosettes.
"""

from ris_tf.configs import base


def get_config():
    config = base.get_config()
    config.name = "leaves_paper"
    config.model.form = "paper"
    config.model.size = (530, 500)
    config.model.steps = 30
    config.data.gamma = config.data.contrast = config.data.brightness = config.data.colour = config.data.noise = 0.0
    config.data.scale = (1.0, 1.0)
    config.data.shift = 0.0  # the published training uses only flips and rotations
    config.loss.score_target = "count"
    config.loss.extra_steps = 1  # as in the released code; the paper says n + 2
    config.loss.matching_attention = 0.0
    config.loss.attention = config.loss.query = config.loss.auxiliary = 0.0
    config.train.batch = 1
    config.train.learning_rate = 1e-4
    config.train.final_learning_rate = 1.0
    config.train.warmup = 0
    config.train.weight_decay = 0.0
    config.train.clip_norm = 0.0
    config.train.clip_value = 5.0
    config.train.ema = 0.0
    config.train.unroll = 40
    config.train.forcing = (0.0, 0.0)
    config.curriculum.start = 2  # "learn to segment any 2 leaves"
    config.predict.mask_threshold = 0.9
    config.predict.overlap_rule = "first"
    config.predict.min_visible = 0.0
    return config
