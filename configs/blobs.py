"""Things of any kind, in grey, brighter or darker than their background: nuclei, tissue, leaves, discs of all kinds.

ris-train --config=blobs --data=DIR/nuclei --init=nuclei

Expected after 4,500 steps (58 minutes on one CPU core, in addition to the 97 minutes of `nuclei`): SBD 0.86 on 53
validation images of nuclei. On 24 synthetic images of each kind: discs 0.92, heaps 0.78, tokens 0.77, rosettes 0.78,
tissue 0.83. The figures are from one run. `blobs_fresh` continues from this config and gives the preset.
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
