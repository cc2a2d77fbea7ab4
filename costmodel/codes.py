"""What every error code means: the table that the documentation prints.

AC00x files and YAML, AC01x limits and values, AC10x fields and types, AC12x impossible numbers,
AC13x schedules, AC14x base and like, AC22x budget files, AC30x tables in documents,
AC40x imported configurations, AC41x their weights and repositories.
"""

from __future__ import annotations

from types import MappingProxyType

CODES = MappingProxyType(
    {
        "AC001": "the file is missing or cannot be read, or is no regular file",
        "AC002": "the file is not UTF-8",
        "AC003": "the file holds a character that text may not hold",
        "AC004": "the file is not YAML",
        "AC005": "the file is empty, or not a mapping of fields",
        "AC006": "the file holds more than one document",
        "AC007": "the file uses what specs may not: tags, merge keys, directives, complex keys",
        "AC010": "the file is beyond a limit: bytes, depth, values, aliases, length of a value",
        "AC011": "a key is given twice",
        "AC012": "a number that two programs read differently, or that is not finite",
        "AC013": "an alias has no anchor, or lies within its own anchor",
        "AC101": "a field is missing",
        "AC102": "there is no such field",
        "AC103": "a value has the wrong type or is not one of the words allowed",
        "AC104": "a value is out of range, or a name cannot be one",
        "AC105": "there is no such kind of block, or none is stated",
        "AC106": "a count, quantity or share cannot be read",
        "AC107": "a text or list is too long, too short or has the wrong form",
        "AC110": "a context of so many k is not one of Ki (a warning)",
        "AC120": "numbers contradict each other",
        "AC121": "a block refers to another that does not suit",
        "AC130": "a schedule does not fill the layers exactly",
        "AC131": "a schedule is missing, or cannot be read",
        "AC140": "the base is unknown",
        "AC141": "bases form a circle",
        "AC142": "bases are nested too deeply",
        "AC143": "like names an unknown block",
        "AC144": "likes form a circle or are nested too deeply",
        "AC145": "a block states both kind and like",
        "AC146": "what base names cannot be the name of a spec",
        "AC221": "an expression or a number with a unit cannot be read",
        "AC222": "an expression divides by zero",
        "AC223": "there is no such figure or workload",
        "AC224": "a figure needs a workload, a context or a device",
        "AC225": "a pattern can match nothing, or is written in another language of globs",
        "AC301": "a table in a document is stale, or was edited by hand",
        "AC302": "a fence has no end or no beginning, or lies inside another",
        "AC303": "the line of a fence cannot be read",
        "AC304": "a fence asks for a command that documents may not run",
        "AC305": "a fence names a path outside its repository, or writes a file",
        "AC306": "the command of a fence fails",
        "AC307": "a document is missing, too large, not UTF-8, or of an unknown markup",
        "AC308": "no document has a fence",
        "AC309": "what a command prints cannot stand in its fence",
        "AC401": "a key of a configuration says what is not understood, or contradicts another",
        "AC402": "a key of a configuration could change a figure, and its family's adapter does not read it",
        "AC403": "a key of a configuration has the wrong type",
        "AC404": "the model type is missing, or no adapter reads it",
        "AC411": "the tensors of a file are not the weights of the spec",
        "AC412": "a tensor of a quantised model is packed in a way that is not known",
        "AC413": "a file of weights or its index is cut off, or contradicts itself",
        "AC414": "a repository cannot be read, or its name not be understood",
    }
)
