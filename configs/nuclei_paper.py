"""The published leaf network on nuclei in fluorescence microscopy, on crops at the objects' own scale.

ris-train --config=nuclei_paper --data=DIR/nuclei

Expected after 9,500 steps: SBD 0.2 on validation images, with most nuclei missed. Masks have 32x32 cells. The default
form reaches 0.85.
"""

from ris_tf.configs import nuclei, rosettes_paper


def get_config():
    config = rosettes_paper.get_config()
    config.name = "nuclei_paper"
    config.model.channels = 1
    config.model.size = (128, 128)
    config.model.steps = 24
    config.model.paper.reduction = 4
    config.data.update(nuclei.get_config().data)
    config.data.extra = ""
    config.data.extra_share = 0.0
    config.train.evaluate_every = 2000
    config.train.validation_images = 6  # early on an image takes long, because much is found that is no object
    config.curriculum.patience = 4000
    config.predict.update(nuclei.get_config().predict)
    config.predict.score_threshold = 0.5
    config.predict.overlap_rule = "first"
    config.predict.crf.update(  # searched on 4 validation images
        iterations=10,
        smooth_weight=3.6,
        smooth_distance=2.7,
        bilateral_weight=6.8,
        bilateral_distance=4.4,
        bilateral_colour=0.11,
    )
    return config
