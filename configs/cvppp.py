"""Leaves of Arabidopsis: photographs of the leaf segmentation challenge (CVPPP LSC, folder A1).

ris-train --config=cvppp --data=DIR
ris-train --config=cvppp --data=DIR --init=rosettes

DIR holds NAME_rgb.png and NAME_label.png; the first 100 of 128 by name train, the other 28 validate. 9,000 steps take
about two hours of one CPU core. On 128 drawn plants stored in the same way: SBD 0.95 on the 28 and 0.94 on fresh ones,
one run. Not yet run on the photographs, so no figure is expected there; the best checkpoint by SBD is kept.
"""

from ris_tf.configs import rosettes


def get_config():
    config = rosettes.get_config()
    config.name = "cvppp"
    config.data.held_out = 28 / 128
    config.data.augment = (  # a hundred photographs need more of it than drawn plants
        *("rotation", "flip", "scale", "elastic"),
        *("gamma", "contrast", "brightness", "colour", "noise"),
    )
    config.data.scale = (0.75, 1.2)
    config.data.elastic = 5.0
    config.data.extra = "synthetic:rosettes"
    config.data.extra_share = 0.2
    config.data.synthetic_images = 300
    config.train.steps = 9000
    config.train.validation_images = 28
    return config
