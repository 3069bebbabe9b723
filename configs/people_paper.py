"""The published network for people (ECCV 2016): FCN-8s as the encoder, masks enlarged to the image.

    ris-train --config=people_paper --data=DIR --config.model.fcn8s.weights=imagenet

The network has 136,189,347 parameters. Of these, 134,260,544 (VGG16 up to fc7) are frozen. DIR has COCO annotations
(annotations/instances_train*.json, train*/, the same for val), or is any folder of images and label maps. The published
result on the people of VOC 2012 val is AP^r 46.7 at IoU 0.5. A training step takes about 5 s and 6 GB of memory on two
CPU cores.
"""

from math import degrees, pi

from ris_tf.configs import leaves_paper


def get_config():
    config = leaves_paper.get_config()
    config.name = "people_paper"
    config.model.size = (500, 500)
    config.model.steps = 10
    config.model.paper.encoder = "fcn8s"
    config.model.paper.filters = 100
    config.model.paper.score_pool = 2
    config.data.rotation = degrees(pi / 8)
    config.data.padding = "mean"
    config.data.category = "person"
    config.train.learning_rate = 1e-5
    config.train.unroll = 0
    config.predict.mask_threshold = 0.5
    return config
