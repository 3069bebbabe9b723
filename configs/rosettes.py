"""Leaf rosettes seen from above.

ris-train --config=rosettes --data=synthetic:rosettes --workdir=runs/rosettes
"""

from ris_tf.configs import base


def get_config():
    config = base.get_config()
    config.name = "rosettes"
    config.train.batch = 4
    config.train.steps = 4000
    return config
