"""What a value is, in the words of a message."""

from __future__ import annotations


def described(value: object) -> str:
    """The type of a value with its article; a class in the place of an object, None and what a list holds are told."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__} and not an object of it"
    name = type(value).__name__
    article = "an" if name[0].lower() in "aeiou" else "a"
    if isinstance(value, (list, tuple)) and value:
        return f"{article} {name} of ({', '.join(type(item).__name__ for item in value)})"
    return f"{article} {name}"
