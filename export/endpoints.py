"""Writes a graph as a SavedModel with fixed signatures, for TF Serving and as the source of the LiteRT conversion."""

import tensorflow as tf


def write(graph, folder, endpoints):
    """Writes a SavedModel.

    Args:
      graph: `graph.Graph`.
      folder: path of the new SavedModel.
      endpoints: {signature name: (function, [TensorSpec])}, as the functions below return them.
    """
    module = tf.Module()
    # The variables alone: the layers themselves would be traced, too, and nobody calls them.
    module.weights = [weight.value for weight in graph.model.weights]
    signatures = {
        name: tf.function(function, signature, autograph=False).get_concrete_function()
        for name, (function, signature) in endpoints.items()
    }
    tf.saved_model.save(module, str(folder), signatures)


def predict(graph, batch, early_stop):
    """Endpoint: image uint8 [batch, H, W, C] -> labels, masks, scores, count."""

    def function(image):
        return graph.predict(image, early_stop)

    return function, [tf.TensorSpec([batch, *graph.image], tf.uint8, name="image")]


def decoded(data, shape):
    """Decodes an image and fits it to the input of the graph.

    The image is resized to fit (bilinear, antialiased, rounded) and placed at the top left. The rest is filled by
    repeating its edge pixels.

    Args:
      data: string [], PNG or JPEG of any size.
      shape: (H, W, C) of the result.

    Returns:
      uint8 [H, W, C]; float32 [], result pixels per image pixel; float32 [2], height and width of the resized image.
    """
    height, width, channels = shape
    # Reads PNG, too. With the accurate transform, JPEGs have the same pixels as with Pillow.
    image = tf.io.decode_jpeg(data, channels, dct_method="INTEGER_ACCURATE")
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    scale = tf.reduce_min(tf.constant([height, width], tf.float32) / size)
    fitted = tf.clip_by_value(tf.cast(tf.round(size * scale), tf.int32), 1, [height, width])
    image = tf.cast(tf.round(tf.image.resize(image, fitted, "bilinear", antialias=True)), tf.uint8)
    rows, columns = (tf.minimum(tf.range(length), fitted[axis] - 1) for axis, length in enumerate((height, width)))
    return tf.gather(tf.gather(image, rows, axis=0), columns, axis=1), scale, tf.cast(fitted, tf.float32)


def predict_bytes(graph):
    """Endpoint: bytes string [B], encoded images -> labels, scores, count, and scale float32 [B], see `decoded`.

    Masks are left out, because as JSON they would be a hundred times as large as the rest.
    """

    def function(data):
        types = tf.TensorSpec(graph.image, tf.uint8), tf.TensorSpec([], tf.float32), tf.TensorSpec([2], tf.float32)
        images, scale, fitted = tf.map_fn(lambda one: decoded(one, graph.image), data, fn_output_signature=types)
        found = graph.predict(images, early_stop=True, extent=(fitted[:, 0], fitted[:, 1]))
        return {"labels": found["labels"], "scores": found["scores"], "count": found["count"], "scale": scale}

    return function, [tf.TensorSpec([None], tf.string, name="bytes")]


def encode(graph, batch):
    """Endpoint: image float32 [batch, h, w, C], normalised, of the network's input size -> see `Graph.encode`."""
    return graph.encode, [tf.TensorSpec([batch, *graph.input, graph.image[2]], tf.float32, name="image")]


def maps(graph, batch, sides=None):
    """Endpoint: image float32 [batch, H, W, C], normalised -> see `Graph.maps`.

    `sides` is (H, W). A LiteRT file needs some, and takes images of any size nevertheless.
    """
    shape = [batch, *(sides or (None, None)), graph.image[2]]
    return graph.maps, [tf.TensorSpec(shape, tf.float32, name="image")]


def step(graph, batch):
    """Endpoint: the outputs of `encode` except "foreground", by their names -> see `Graph.step`."""
    encoder = tf.function(graph.encode, autograph=False)
    traced = encoder.get_concrete_function(encode(graph, batch)[1][0]).structured_outputs
    names = sorted(name for name in traced if name != "foreground")

    def function(*tensors):
        return graph.step(dict(zip(names, tensors, strict=True)))

    return function, [tf.TensorSpec(traced[name].shape, tf.float32, name=name) for name in names]


def all_of(graph, batch):
    """Returns the signatures for a server: any batch size, and the loop stops early."""
    return {
        "serving_default": predict(graph, batch, early_stop=True),
        **parts(graph, batch),
        "predict_bytes": predict_bytes(graph),
    }


def static(graph):
    """Returns the signatures for a device: one image, and all steps are unrolled."""
    return {"predict": predict(graph, 1, early_stop=False), **parts(graph, 1, graph.input)}


def parts(graph, batch, sides=None):
    """Returns the signatures for a host that runs the loop itself; for `sides`, see `maps`."""
    larger = {"maps": maps(graph, batch, sides)} if graph.multiple else {}
    return {"encode": encode(graph, batch), "step": step(graph, batch), **larger}
