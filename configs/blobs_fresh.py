"""Things of any kind as in `blobs`, on more and different synthetic images. The last stage of the preset `blobs`.

ris-train --config=blobs --data=DIR/nuclei --init=nuclei
ris-train --config=blobs_fresh --data=DIR/nuclei --init=runs/blobs

Expected after 2,400 more steps (20 minutes on two cores of an Intel Xeon): SBD 0.86 on 53 validation images of nuclei.
On 60 synthetic images of each kind: discs 0.89, heaps 0.74, tokens 0.80, rosettes 0.82, tissue 0.81. The figures are
from one run.
"""

from ris_tf.configs import blobs


def get_config():
    config = blobs.get_config()
    config.name = "blobs_fresh"
    config.seed = 41  # makes other images than the earlier stages
    config.data.synthetic_images = 1000
    config.train.forcing_until = 0.0
    config.train.learning_rate = 1.5e-3
    config.train.steps = 2400
    config.train.evaluate_every = 1200
    return config
