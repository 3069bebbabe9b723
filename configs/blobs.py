"""Any blobs on any ground, in grey: nuclei, discs, heaps and leaves together.

ris-train --config=blobs --data=DIR/nuclei

Not yet trained to its end.
"""

from ris_tf.configs import nuclei


def get_config():
    config = nuclei.get_config()
    config.name = "blobs"
    config.data.extra = "synthetic:discs,synthetic:heaps,synthetic:rosettes,synthetic:tissue"
    config.data.extra_share = 0.6
    config.data.synthetic_images = 400
    config.data.gamma = 0.3
    config.data.contrast = 0.25
    return config
