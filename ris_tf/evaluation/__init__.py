"""Figures that compare predictions with the truth; nothing here draws.

`overlaps` is the table that every metric is computed from; `metrics` has DiC, SBD (symmetric best Dice), AP, PQ and
AJI; `ranking` has AP^r and COCO's mask AP; `mistakes` names each error; `bootstrap` gives confidence intervals,
`count_range` likely ranges of counts; `figures` lists all metrics by name; `disagreement` says how unsure a model is
of an image; `tune` searches the thresholds on validation images; `agreement` says whether two results are the same;
`stored` has the answers that travel with an export.

Start with `metrics.evaluate_image`.
May import: inference, instances.
"""
