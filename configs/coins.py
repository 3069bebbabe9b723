"""Coins, balls, berries and other round things in photographs, lying apart or in heaps.

ris-train --config=coins_small --data=synthetic:heaps
ris-train --config=coins --data=synthetic:heaps --init=runs/coins_small

Expected after 6,000 steps of the first command (87 minutes on one CPU core) and 5,000 of the second (107 minutes on two
cores): SBD 0.90 and |DiC| 0.6 on fresh heaps, 0.94 and 0.5 on fresh discs, 0.90 and 0.5 on plain discs (tokens), and
the 24 coins of scikit-image's photograph. The figures are from one run. `coins_fresh` continues from this config and
gives the preset. To train on your own data, start from the preset: --init=coins.
"""

from ris_tf.configs import base


def get_config():
    config = base.get_config()
    config.name = "coins"
    config.seed = 4  # makes other images than coins_small
    config.model.size = (384, 384)
    config.model.steps = 32
    config.model.attend.residual_blocks = 1  # coins_small, from which it starts, need not have any
    config.data.synthetic_size = 384
    config.data.extra = "synthetic:discs,synthetic:tokens"
    config.data.extra_share = 0.5
    config.data.synthetic_images = 2500
    config.data.max_instances = 40
    config.train.forcing_until = 0.1
    config.train.learning_rate = 2e-3
    config.train.unroll = 22  # few images hold more objects
    config.train.steps = 5000
    config.train.evaluate_every = 500
    config.predict.score_threshold = 0.6  # tuned on validation images, as is the next
    config.predict.mask_threshold = 0.4
    return config
