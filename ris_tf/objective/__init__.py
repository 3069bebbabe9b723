"""What training minimises.

`truth` prepares the true masks; `rollout` runs the recurrence over a batch, with `forcing` (teacher forcing, and passes
that start midway);
`matching` assigns steps to objects (Hungarian algorithm); `comparison` adds up the loss terms: those of `losses` look
at predictions and truth, those of `encoder_terms` also at the encoder's features; `training_step` computes the
gradients; `random_numbers` are the same on every device; `terms_model` is what Keras needs to report several terms.

Start with `comparison.Comparison`. A new loss term: a function in `losses` or `encoder_terms`, a line in
`Comparison.terms`, its weight in `configs/base.py` and `settings/ranges.py`.
May import: network.
"""
