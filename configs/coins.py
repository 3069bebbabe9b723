"""Coins, balls, berries and other round things in photographs, lying apart or in heaps.

ris-train --config=coins --data=synthetic:heaps

Expected after 6,000 steps, 87 minutes on one CPU core: SBD 0.85 and |DiC| 0.9 on fresh heaps, 0.91 and 0.8 on fresh
discs, and the 24 coins of scikit-image's photograph; one run.
"""

from ris_tf.configs import base


def get_config():
    config = base.get_config()
    config.name = "coins"
    config.model.steps = 32
    config.data.synthetic_size = 384
    config.data.extra = "synthetic:discs"
    config.data.extra_share = 0.35
    config.data.synthetic_images = 2500
    config.data.max_instances = 40
    config.train.learning_rate = 3e-3
    config.train.precision = "mixed_bfloat16"
    config.train.steps = 6000
    config.train.evaluate_every = 500
    config.predict.score_threshold = 0.7  # tuned on validation images
    return config
