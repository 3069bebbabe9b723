"""Coins as in `coins`, on synthetic images of which hardly any is repeated. The last stage of the preset `coins`.

ris-train --config=coins_small --data=synthetic:heaps
ris-train --config=coins --data=synthetic:heaps --init=runs/coins_small
ris-train --config=coins_fresh --data=synthetic:heaps --init=runs/coins

Expected after 3,400 more steps (95 minutes on two cores of an Intel Xeon): SBD 0.91 and |DiC| 0.5 on fresh heaps, 0.94
and 0.4 on fresh discs, 0.91 and 0.5 on plain discs (tokens), and the 24 coins of scikit-image's photograph. The figures
are from one run. To train on your own data, start from the preset: --init=coins.
"""

from ris_tf.configs import coins


def get_config():
    config = coins.get_config()
    config.name = "coins_fresh"
    config.seed = 11  # makes other images than the earlier stages
    config.data.synthetic_images = 20000
    config.train.forcing_until = 0.0
    config.train.learning_rate = 1.5e-3
    config.train.steps = 3400
    config.train.evaluate_every = 680
    config.predict.score_threshold = 0.65  # tuned on validation images
    return config
