"""The published leaf network on small synthetic rosettes, with a learning rate at which it trains in an hour.

ris-train --config=rosettes_paper --data=synthetic:rosettes

Expected after 13,000 steps: SBD 0.35 on validation rosettes. Masks have 32x32 cells. The default form reaches 0.9.
"""

from ris_tf.configs import leaves_paper


def get_config():
    config = leaves_paper.get_config()
    config.name = "rosettes_paper"
    config.model.size = (160, 160)
    config.model.steps = 20
    config.train.batch = 4
    config.train.steps = 14000
    config.train.unroll = 0
    config.train.learning_rate = 3e-3  # thirty times the published one, for a run of an hour instead of days
    config.train.final_learning_rate = 0.01
    config.train.warmup = 100
    config.train.evaluate_every = 1000
    config.curriculum.increase = 6
    config.curriculum.tolerance = 0.002  # at first masks are nearly empty, and the loss falls slowly
    config.curriculum.patience = 1000
    config.predict.mask_threshold = 0.5
    config.predict.crf.update(  # searched on 12 validation images
        iterations=5,
        smooth_weight=0.13,
        smooth_distance=2.8,
        bilateral_weight=5.1,
        bilateral_distance=16.0,
        bilateral_colour=0.046,
    )
    return config
