"""Make a layout whose annotations lie in a file beside each image, such as NAME.json beside NAME.jpg."""

from functools import partial

from ris_tf.data.images.single import by_name, entries, images_in, passed_over
from ris_tf.data.readers.outlines import chosen_of, left_out, read
from ris_tf.data.readers.splits import Listing, in_folders
from ris_tf.errors import DataError


def beside(name, suffixes, is_one, parse, as_viewed):
    """Makes the layout.

    Args:
        name: name of the layout.
        suffixes: suffixes that annotation files may have, in lower case; a folder has files with one of them.
        is_one: function (annotation file) -> whether it is of this format.
        parse: function (annotation file, image file) -> Annotated. It raises DataError.
        as_viewed: see `outlines.read`.

    Returns:
        the Layout. A folder `masks` beside the images means that the data set has another layout.
    """

    def suffix_in(folder):
        present = {file.suffix.lower() for file in entries(folder)}
        return next((suffix for suffix in suffixes if suffix in present), suffixes[0])

    def found(folder, problems):
        """Images and annotation files of a folder, {name: file} each; "a" finds a.json and a.png.json."""
        images = by_name(images_in(folder), "", problems)
        suffix = suffix_in(folder)
        files = [file for file in entries(folder) if file.suffix.lower() == suffix]
        names = {file.name: stem for stem, file in images.items()}
        return images, {names.get(file.stem, file.stem): file for file in files}

    def has(folder):
        images, files = found(folder, [])
        return is_one(files[min(images.keys() & files)]) if images.keys() & files else False

    def samples(folder, category):
        problems, kept, annotated = [], {}, {}
        images, files = found(folder, problems)
        problems += [f"{files[stem]}: has no image of the same name" for stem in files.keys() - images]
        for stem in sorted(images.keys() & files):
            try:
                annotated[files[stem]] = parse(files[stem], images[stem])
            except DataError as error:
                problems += error.problems
                continue
            chosen = chosen_of(annotated[files[stem]], category)
            if chosen.outlines or not category:
                kept[stem] = partial(read, images[stem], files[stem], chosen, as_viewed=as_viewed)
        names = {outline.category for one in annotated.values() for outline in one.outlines}
        if category and category not in names and not problems:
            some = ", ".join(sorted(filter(None, names))[:20]) or "none"
            problems.append(f"{folder}: no object of the category {category!r}; the categories are {some}")
        without = len(images.keys() - files)
        notes = [*left_out(folder, annotated), *passed_over(folder, entries(folder))]
        if without:
            notes.append(f"{folder}: images without a {suffix_in(folder)} file, which are left out: {without}")
        return Listing(list(kept.items()), sorted(problems), notes)

    def find(root):
        return None if (root / "masks").is_dir() else layout.find(root)

    layout = in_folders(name, f"NAME.jpg with NAME{suffixes[0]}", has, samples, categories=True)
    return layout._replace(find=find)
