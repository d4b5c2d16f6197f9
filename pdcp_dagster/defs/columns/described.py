"""A column as a person reads it: its name, what it holds, and what it means, with its unit.

What lives here: the form of a description. What does not: the descriptions (one module per table beside this one).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    kind: what a cell holds, in words that Dagster has a symbol for; lists are arrays of that. Any cell may be null.
    """

    name: str
    kind: str
    description: str


Columns = tuple[Column, ...]


def text(name: str, description: str) -> Column:
    """Text; identifiers are text, too."""
    return Column(name, "string", description)


def whole(name: str, description: str) -> Column:
    """A whole number."""
    return Column(name, "integer", description)


def number(name: str, description: str) -> Column:
    """A number; its unit is in the description."""
    return Column(name, "float", description)


def date(name: str, description: str) -> Column:
    """A calendar date, without a time."""
    return Column(name, "date", description)


def texts(name: str, description: str) -> Column:
    """A list of texts."""
    return Column(name, "array of strings", description)


def wholes(name: str, description: str) -> Column:
    """A list of whole numbers."""
    return Column(name, "array of integers", description)


def numbers(name: str, description: str) -> Column:
    """A list of numbers."""
    return Column(name, "array of floats", description)
