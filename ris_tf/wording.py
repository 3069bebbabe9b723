"""Words of messages that depend on a number."""


def counted(number, noun, plural=None):
    """Joins a number and a noun: counted(1, "image") is "1 image", and counted(2000, "image") is "2,000 images".

    Args:
      number: int, 0 or more.
      noun: its singular.
      plural: its plural; None for the singular with an "s".
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
