"""Leaf rosettes seen from above.

ris-train --config=rosettes --data=synthetic:rosettes --workdir=runs/rosettes

Expected after 4,000 steps: SBD 0.90, |DiC| 0.5 on fresh synthetic rosettes; 45 minutes on one CPU core.
"""

from ris_tf.configs import base


def get_config():
    config = base.get_config()
    config.name = "rosettes"
    config.train.batch = 4
    config.train.steps = 4000
    config.train.forcing_until = 0.6
    return config
