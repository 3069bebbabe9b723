"""Pack images and label maps as records, and unpack them: serialised `tf.train.Example`, compressed by zlib.

Apart from `tfrecord`, which finds the records, because TensorFlow takes seconds to import.
"""

import math
import zlib

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from ris_tf.data.images.decoding import MAX_PIXELS
from ris_tf.data.images.packed import exceeds
from ris_tf.errors import DataError

MAX_BYTES = 12 * MAX_PIXELS + 1024  # of a serialised array: MAX_PIXELS of float32 RGB, plus a header


def pack(name, image, labels):
    """Packs one sample: bytes of a record."""
    values = {"image": _tensor(image), "labels": _tensor(labels), "name": name.encode()}
    features = {key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) for key, value in values.items()}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _tensor(array):
    return zlib.compress(tf.io.serialize_tensor(array).numpy(), 3)


def unpack(record):
    """Unpacks one sample; a damaged record raises nearly any exception.

    Args:
      record: bytes.

    Returns:
      name, str; image, uint8, uint16 or float32 [H, W, 1 or 3]; labels, int32 [H, W].
    """
    features = tf.train.Example.FromString(record).features.feature
    labels = _array(features["labels"].bytes_list.value[0])
    return features["name"].bytes_list.value[0].decode(), _image(features), labels


def unpack_image(record):
    """Decodes the name and the image of a record, without its labels.

    Args:
      record: bytes, see `records`.

    Returns:
      name, str, and image, uint8, uint16 or float32 [H, W, 1 or 3].

    Raises:
      DataError: the record is damaged or has other content. The message does not name the file.
    """
    try:
        features = tf.train.Example.FromString(record).features.feature
        return features["name"].bytes_list.value[0].decode(), _image(features)
    except Exception as error:  # various exceptions, see `_read`
        raise DataError(
            f"cannot be read ({type(error).__name__}); expected a record written by ris-data convert"
        ) from error


def _image(features):
    image = _array(features["image"].bytes_list.value[0])
    right = image.ndim == 3 and image.shape[2] in (1, 3) and image.dtype in (np.uint8, np.uint16, np.float32)
    if not right or not np.isfinite(image).all():
        raise ValueError
    return image


def _array(packed):
    if exceeds([packed], MAX_BYTES):
        raise ValueError
    tensor = tensor_pb2.TensorProto.FromString(zlib.decompress(packed))
    sizes = [size.size for size in tensor.tensor_shape.dim]
    whole = math.prod(sizes) * tf.as_dtype(tensor.dtype).size == len(tensor.tensor_content)
    if min(sizes, default=0) < 0 or not whole or math.prod(sizes[:2]) > MAX_PIXELS:
        raise ValueError  # also refuses a tensor that stores a single value with a shape of any size
    return tf.make_ndarray(tensor)
