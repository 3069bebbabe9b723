"""The flags that choose a plane of stacks: --z, --t, --channel and --page."""

from absl import flags

from ris_tf.data.images import planes
from ris_tf.errors import UsageError

flags.disclaim_key_flags()  # they belong to the command that calls define(), whose help lists them

HELP = """A TIFF, zarr or npy with several planes is refused, unless --z, --t, --channel or --page choose one or all of
them. The results of a plane are named after it, such as NAME_z0_labels.png; for several axes NAME_t3_z0_labels.png.
"""
HELP_ONE = """A TIFF or npy with several planes is refused, unless --z, --t, --channel or --page choose one of them. A
label map of several planes gives the same plane.
"""


def define(several=False):
    """Defines the flags.

    Args:
      several: whether the command also takes all planes of a file.
    """
    number = "a number counted from 0" + (", or all" if several else "")
    rgb = "rgb if three channels, or three pages, are the colours of one image"
    flags.DEFINE_string("z", None, f"plane of a z-stack: {number}")
    flags.DEFINE_string("t", None, f"time point of a time series: {number}")
    flags.DEFINE_string("channel", None, f"channel of an image with several: {number}; {rgb}")
    pages = "page of a TIFF whose pages have no other name, or plane of another file along an axis without a name"
    flags.DEFINE_string("page", None, f"{pages}: {number}")


def chosen(values, several=False):
    """Returns the choice that the flags state, `planes.Choice`.

    Args:
      values: the flags.
      several: see `define`.

    Raises:
      UsageError: a value is neither an index nor a word that stands for several.
    """
    choice = planes.Choice(**{flag: planes.parse(flag, values[flag].value) for flag in planes.Choice._fields})
    for flag, index in choice._asdict().items():
        if index == planes.ALL and not several:
            raise UsageError(f"--{flag}=all: a data set has one label map for each image; give the number of one plane")
    return choice
