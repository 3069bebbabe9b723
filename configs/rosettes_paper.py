"""The published leaf network on drawn rosettes, at a size and a rate that train in half an hour.

ris-train --config=rosettes_paper --data=synthetic:rosettes --workdir=runs/rosettes_paper
"""

from ris_tf.configs import leaves_paper


def get_config():
    config = leaves_paper.get_config()
    config.name = "rosettes_paper"
    config.model.size = (250, 250)
    config.model.steps = 20
    config.train.batch = 4
    config.train.steps = 3000
    config.train.unroll = 0
    config.train.learning_rate = 3e-3  # thirty times the published one, for a run of minutes instead of days
    config.train.final_learning_rate = 0.01
    config.train.warmup = 100
    config.train.precision = "mixed_bfloat16"
    config.curriculum.increase = 6
    config.curriculum.tolerance = 0.005
    config.curriculum.patience = 800  # outlasts the plateau at the start, where masks are nearly empty
    config.predict.mask_threshold = 0.5
    return config
