"""Training batches: images and label maps, cropped, augmented and batched as a tf.data.Dataset.

`records` holds the images of a run; `views` chooses where in an image a sample lies, and at what scale; `augment`
applies what `data.augment` lists, from `geometry`, `colours` and `copy_paste`, with random numbers from `draws`;
`resize` scales; `pipeline` puts it together.

Start with `pipeline.training_batches`.
May import: data, data.synthetic, instances, settings.
"""
