"""Leaves of Arabidopsis: photographs of the leaf segmentation challenge (CVPPP LSC, folder A1).

ris-train --config=cvppp --data=DIR
ris-train --config=cvppp --data=DIR --init=rosettes

DIR holds NAME_rgb.png and NAME_label.png; the first 100 of 128 by name train, the other 28 validate. Not yet run
on the photographs.
"""

from ris_tf.configs import rosettes


def get_config():
    config = rosettes.get_config()
    config.name = "cvppp"
    config.data.held_out = 28 / 128
    config.train.validation_images = 28
    return config
