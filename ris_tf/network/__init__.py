"""The network: encoders, the layers of one step, and the two forms of the recurrence.

`recurrence` has the two forms, "attend" (the default) and "paper", made of `conv_lstm`, `inhibition`, `scores` and
`dynamic_mask`; `unroll` runs a form over a batch; `running` does so with a trained model; `encoders`, `fcn8s` and
`mobilenet` turn images into features; `pretrained` reads weights of keras.applications; `places` has coordinates of
grid cells; `recompute` saves memory in the gradient; `frozen` tells which layers are not trained.

Start with `recurrence.AttendForm`.
May import: errors, files.
"""
