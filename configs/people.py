"""Persons in photographs: the default form on MobileNetV2, trained on ImageNet.

    ris-train --config=people --data=DIR

DIR has COCO, VOC or SBD annotations, see docs/data.md. Without a network connection, give the weights as a file:

    python -m ris_tf.dequantize mobilenet_v2.tflite mobilenet_v2.keras
    ris-train --config=people --data=DIR --config.model.mobilenet_v2.weights=mobilenet_v2.keras

The network has 2,341,204 parameters. To test that it learns, it was trained on 14 photographs of COCO with 48 persons.
After 50 minutes on one CPU core, AP^r(0.5) was 0.79 and Ave 0.59 on the same images, and 0.02 and 0.05 on 16 others.
Thousands of images need more steps, and were not available.
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
    config.train.learning_rate = 1.5e-3
    config.train.steps = 4500
    config.train.warmup = 100
    config.train.evaluate_every = 300
    return config
