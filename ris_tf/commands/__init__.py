"""The commands: flags, messages and exit codes. One file for each `ris-...` command.

`train`, `evaluate`, `predict`, `batch` and `data` parse their flags, call the wings below and print the result;
`describe` says what a model is, `label` makes drafts of annotations, `check` runs an exported model on this machine.
`forms` lists what `ris-predict` writes, `engine` opens the model that predicts; `result_ids` has the ids of COCO
results, `tables` counts per region and over time; `plane_flags` and `pictures` choose planes of stacks; `places`
checks files and folders before anything slow begins. `command` is what they share: named configs, help, one-line
errors, exit codes. `ris-export` is in `export/main.py`.

Start with `command.run`, then any command's `main`.
May import: batch, data, data.images, data.readers, data.synthetic, errors, evaluation, files, inference, instances,
large, planning, presets, quiet, report, ris_tf, runtime, settings, storage, training.
"""
