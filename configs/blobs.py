"""Any blobs on any ground, in grey: nuclei, tissue, leaves and discs of all kinds together.

ris-train --config=blobs --data=DIR/nuclei --init=nuclei
"""

from ris_tf.configs import nuclei


def get_config():
    config = nuclei.get_config()
    config.name = "blobs"
    config.data.extra = "synthetic:discs,synthetic:heaps,synthetic:tokens,synthetic:rosettes,synthetic:tissue"
    config.data.extra_share = 0.6
    config.data.synthetic_images = 400
    config.data.augment = ("rotation", "flip", "scale", "invert", "gamma", "contrast", "brightness", "noise", "blur")
    config.data.invert = 0.35
    config.data.gamma = 0.2
    config.data.contrast = 0.25
    config.train.learning_rate = 2e-3
    config.train.forcing_until = 0.1
    config.train.steps = 4500
    config.train.validation_images = 40
    config.train.validation_extra = True
    return config
