"""Functions whose gradient computes their activations again, to save memory."""

import tensorflow as tf


def recomputed(function):
    """A function of which only inputs and outputs are kept for the gradient, called many times with a shared argument.

    `tf.recompute_grad` in a graph may compute everything again at once, as nothing holds it back, and then saves
    nothing; here each call waits for the gradients of its outputs. And where many calls share an argument, TensorFlow
    keeps its gradient from each of them, to add them up at the end; here they are added one by one, for which the
    shared argument must be handed on from call to call. XLA keeps no such order.

    Args:
      function: (shared, *args) -> results, all of them nested tensors; may use variables.

    Returns:
      (shared, *args) -> (shared, results); the next call takes the `shared` that this one gives.
    """

    def call(shared, *args):
        arguments, own = (shared, *args), len(tf.nest.flatten(shared))
        results = None

        @tf.custom_gradient
        def forward(*flat):
            nonlocal results
            results = function(*tf.nest.pack_sequence_as(arguments, flat))

            def gradient(*upstream, variables=()):
                with tf.control_dependencies(upstream):
                    again = [tf.identity(value) for value in flat]
                with tf.GradientTape() as tape:
                    tape.watch(again)
                    outputs = tf.nest.flatten(function(*tf.nest.pack_sequence_as(arguments, again)))
                inputs, weights = tape.gradient(outputs, (again, list(variables)), output_gradients=upstream[own:])
                for index, before in enumerate(upstream[:own]):
                    inputs[index] = before if inputs[index] is None else before + inputs[index]
                return (inputs, weights) if variables else inputs

            return [*flat[:own], *tf.nest.flatten(results)], gradient

        flat = forward(*tf.nest.flatten(arguments))
        return tf.nest.pack_sequence_as((shared, results), flat)

    return call
