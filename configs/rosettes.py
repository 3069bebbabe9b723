"""Leaf rosettes seen from above.

ris-train --config=rosettes --data=synthetic:rosettes

Expected after 3,000 steps (34 minutes on one CPU core): SBD 0.93 and |DiC| 0.5 on fresh synthetic rosettes. The figures
are from one run. Over three seeds the SBD after 300 steps was 0.36 to 0.47. `rosettes_fresh` continues from this config
and gives the preset.
"""

from ris_tf.configs import base


def get_config():
    config = base.get_config()
    config.name = "rosettes"
    config.data.view = "focus"
    config.data.scale = (0.8, 1.1)
    config.data.shift = 0.06
    config.data.synthetic_images = 900
    config.data.synthetic_size = 384
    config.train.learning_rate = 3e-3
    config.train.steps = 3000
    config.train.evaluate_every = 500
    return config
