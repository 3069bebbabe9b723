"""Coins, balls, berries and other round things in photographs, lying apart or in heaps.

ris-train --config=coins_small --data=synthetic:heaps
ris-train --config=coins --data=synthetic:heaps --init=runs/coins_small

EXPECTED
"""

from ris_tf.configs import base


def get_config():
    config = base.get_config()
    config.name = "coins"
    config.seed = 2  # other drawn images than those of coins_small
    config.model.size = (384, 384)
    config.model.steps = 32
    config.data.synthetic_size = 384
    config.data.extra = "synthetic:discs"
    config.data.extra_share = 0.35
    config.data.synthetic_images = 2500
    config.data.max_instances = 40
    config.train.forcing_until = 0.1
    config.train.learning_rate = 1.5e-3
    config.train.precision = "mixed_bfloat16"
    config.train.steps = 3000
    config.predict.score_threshold = 0.7  # tuned on validation images
    return config
