"""Coins as in `coins`, on drawn images of which hardly any comes twice: the preset `coins`, which the two before begin.

ris-train --config=coins_small --data=synthetic:heaps
ris-train --config=coins --data=synthetic:heaps --init=runs/coins_small
ris-train --config=coins_fresh --data=synthetic:heaps --init=runs/coins

Expected after 3,400 steps more, 95 minutes on two cores of an Intel Xeon: SBD 0.91 and |DiC| 0.5 on fresh heaps, 0.94
and 0.4 on fresh discs, 0.91 and 0.5 on plain ones (tokens), and the 24 coins of scikit-image's photograph; one run. A
data set of one's own begins from it: --init=coins.
"""

from ris_tf.configs import coins


def get_config():
    config = coins.get_config()
    config.name = "coins_fresh"
    config.seed = 11  # other drawn images than those before
    config.data.synthetic_images = 20000
    config.train.forcing_until = 0.0
    config.train.learning_rate = 1.5e-3
    config.train.steps = 3400
    config.train.evaluate_every = 680
    config.predict.score_threshold = 0.65  # on validation images
    return config
