"""Pages for people: the report of one evaluation, and two evaluations side by side.

`report` and `side_by_side` put the pages together; `plots` draws the plots, `pictures` the images with their errors
marked, and their colours; `page` fills the HTML templates in `templates/`.

Start with `report.report`.
May import: errors, evaluation, inference, instances.
"""
