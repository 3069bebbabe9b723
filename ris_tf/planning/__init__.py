"""What `ris-train --data=DIR` without --config decides: a config made for the data at hand and the time that is given.

`plan` goes through it: `traits` measures what the images and objects look like; `rules` has a rule for each field of
the config, with its reason; `speed` measures which preset to start from and how many training steps fit into the time;
`config_file` writes the decisions as an ordinary config.

Start with `rules.decide`.
May import: configs, data, data.sampling, evaluation, files, model, presets, storage, training.
"""
