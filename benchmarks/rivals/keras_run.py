"""Times prediction with Keras in a process of its own: `python keras_run.py MODEL THREADS PICTURES.npz RESULTS.npz`.

For each picture it writes the milliseconds of `predict_on_batch` as "network" (only the network, with all steps), the
milliseconds of `predict_instances` as "host", and the number of objects found as "count".
"""

import sys
import time

import numpy as np
import tensorflow as tf

from ris_tf import storage
from ris_tf.data.normalize import normalize


def timed(function, inputs):
    """Results and milliseconds of a function for each input, after a warm-up with the first input; two lists."""
    function(inputs[0])
    results, times = [], []
    for value in inputs:
        start = time.perf_counter()
        results.append(function(value))
        times.append(1000 * (time.perf_counter() - start))
    return results, times


def main():
    source, threads, given, results = sys.argv[1:]
    tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = storage.load(source)
    pictures = np.load(given)["pictures"]
    found, host = timed(model.predict_instances, pictures)
    looks = [normalize(picture, model.config.model.channels)[None] for picture in pictures]
    assert looks[0].shape[1:3] == tuple(model.config.model.size), "pictures must have the size of the network's input"
    _, network = timed(model.predict_on_batch, looks)
    np.savez(results, host=host, network=network, count=[one.count for one in found])


if __name__ == "__main__":
    main()
