"""Things of any kind as in `blobs`, on other drawn images and more of them: the preset `blobs`, which that begins.

ris-train --config=blobs --data=DIR/nuclei --init=nuclei
ris-train --config=blobs_fresh --data=DIR/nuclei --init=runs/blobs

Expected after 2,400 steps more, 20 minutes on two cores of an Intel Xeon: SBD 0.86 on 53 validation images of nuclei,
and on 60 drawn ones each of discs 0.89, heaps 0.74, tokens 0.80, rosettes 0.82 and tissue 0.81; one run.
"""

from ris_tf.configs import blobs


def get_config():
    config = blobs.get_config()
    config.name = "blobs_fresh"
    config.seed = 41  # other drawn images than those before
    config.data.synthetic_images = 1000
    config.train.forcing_until = 0.0
    config.train.learning_rate = 1.5e-3
    config.train.steps = 2400
    config.train.evaluate_every = 1200
    return config
