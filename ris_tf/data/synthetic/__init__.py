"""Generated images with known instances.

`drawings` lists the kinds (`synthetic:KIND`); `rosettes`, `discs`, `tokens` and `tissue` draw one kind each (`heaps` is
a variant of `discs`, and `seedlings` of `rosettes`); `soil` is what plants stand on; `scene` has the noise, light,
shapes and camera that all share.

Start with `drawings.sample`; a new kind is a new file and a row there.
May import: errors.
"""
