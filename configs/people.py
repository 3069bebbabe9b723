"""Persons in photographs: the default form on MobileNetV2.

    ris-train --config=people --data=DIR
"""

from ris_tf.configs import base


def get_config():
    config = base.get_config()
    config.name = "people"
    config.model.size = (320, 320)
    config.model.steps = 16
    config.model.attend.encoder = "mobilenet_v2"
    config.model.mobilenet_v2.weights = "imagenet"
    config.data.category = "person"
    config.data.rotation = 10.0
    config.data.scale = (0.9, 1.15)
    config.data.shift = 0.05
    config.data.max_instances = 16
    config.data.count_power = 1.0
    config.data.padding = "mean"
    config.train.batch = 2
    config.train.learning_rate = 1e-3
    config.train.steps = 1650
    config.train.precision = "mixed_bfloat16"
    config.train.warmup = 100
    config.train.evaluate_every = 150
    return config
