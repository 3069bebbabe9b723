"""The published leaf network on nuclei in fluorescence microscopy, on crops at the objects' own scale.

ris-train --config=nuclei_paper --data=DIR/nuclei --workdir=runs/nuclei_paper
"""

from ris_tf.configs import nuclei, rosettes_paper


def get_config():
    config = rosettes_paper.get_config()
    config.name = "nuclei_paper"
    config.model.channels = 1
    config.model.size = (128, 128)
    config.model.steps = 24
    config.model.paper.reduction = 2
    config.data.update(nuclei.get_config().data)
    config.predict.update(nuclei.get_config().predict)
    config.predict.score_threshold = 0.5
    config.predict.overlap_rule = "first"
    return config
