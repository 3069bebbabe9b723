"""Leaves of Arabidopsis in the photographs of the leaf segmentation challenge (CVPPP LSC, folder A1).

ris-train --config=cvppp --data=DIR
ris-train --config=cvppp --data=DIR --init=rosettes

DIR holds NAME_rgb.png and NAME_label.png. Of the 128 images, the first 100 by name are for training and the other 28
for validation. 9,000 steps take about two hours on one CPU core. On 128 synthetic plants stored in the same way, the
SBD was 0.95 on the 28 and 0.94 on fresh ones, in one run. The config has not been run on the photographs yet, so no
figure is given for them. The checkpoint with the best SBD is kept.
"""

from ris_tf.configs import rosettes


def get_config():
    config = rosettes.get_config()
    config.name = "cvppp"
    config.data.held_out = 28 / 128
    config.data.augment = (  # a hundred photographs need more augmentation than synthetic plants
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
