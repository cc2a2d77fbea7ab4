"""What pydantic found wrong, as problems in sentences of our own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from costmodel.errors import FieldError, Problem, did_you_mean, dotted, one_of, plain, quote

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    Allowed = type[BaseModel] | Iterable[str] | None

DataPath = tuple[str | int, ...]

_HINTED = 20  # unknown fields that get a hint; a file can hold thousands
_QUOTED_WORD = re.compile(r"'([^']*)'|(?<![\w'])(-?\d+|True|False|None)(?![\w'])")

# What a value must be, by the type of pydantic's error.
_MUST_BE = MappingProxyType(
    {
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "int_parsing": "a whole number",
        "int_parsing_size": "a whole number",
        "float_type": "a number",
        "float_parsing": "a number",
        "finite_number": "a finite number",
        "decimal_type": "a number",
        "fraction_parsing": 'a share such as "1/8"',
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "string_type": "text",
        "list_type": "a list",
        "tuple_type": "a list",
        "set_type": "a list",
        "frozen_set_type": "a list",
        "iterable_type": "a list",
        "dict_type": "a mapping",
        "mapping_type": "a mapping",
        "model_type": "a mapping",
        "model_attributes_type": "a mapping",
        "dataclass_type": "a mapping",
        "none_required": "left out",
        "date_type": "a date such as 2026-01-31",
        "date_parsing": "a date such as 2026-01-31",
        "date_from_datetime_parsing": "a date such as 2026-01-31",
    }
)
# Bounds, and the name of the bound in the error's context.
_BOUNDS = MappingProxyType(
    {
        "greater_than": ("above", "gt"),
        "greater_than_equal": ("at least", "ge"),
        "less_than": ("below", "lt"),
        "less_than_equal": ("at most", "le"),
        "multiple_of": ("a multiple of", "multiple_of"),
    }
)
_LENGTHS = MappingProxyType(
    {
        "too_short": ("at least", "min_length", "entries"),
        "too_long": ("at most", "max_length", "entries"),
        "string_too_short": ("at least", "min_length", "characters"),
        "string_too_long": ("at most", "max_length", "characters"),
    }
)


def from_pydantic(
    error: ValidationError,
    prefix: DataPath = (),
    *,
    data: object = None,
    allowed: Allowed = None,
    kind: str | None = None,
) -> list[Problem]:
    """Return what a model refused, as problems with paths from the top of the document.

    Args:
        error: what ``model_validate`` raised.
        prefix: where the validated data stands in the document, as ``("blocks", "global")``.
        data: the validated data, which tells keys from the tags of unions in pydantic's paths.
        allowed: the model (fields of nested models are found through it) or a list of names.
        kind: the kind of a block, for its name in messages (default: what the data state).
    """
    if kind is None and isinstance(data, dict) and isinstance(data.get("kind"), str):
        kind = data["kind"][:32]
    problems: list[Problem] = []
    wanted: dict[DataPath, tuple[list[str], object]] = {}  # by path: what it must be, what it is
    for found in error.errors(include_url=False):
        path = _real_path(found["loc"], data, keep_last=found["type"] in ("missing", "value_error"))
        must_be = _must_be(found)
        if must_be:
            texts, _ = wanted.setdefault(path, ([], found["input"]))
            if must_be not in texts:
                texts.append(must_be)
            continue
        names = _names(allowed, path[:-1]) if found["type"] == "extra_forbidden" else ()
        subject = _subject(prefix, path, kind)
        problems.append(_problem(found, path, subject, names if len(problems) < _HINTED else ()))
    for path, (texts, value) in wanted.items():
        message = f"{_label(prefix, path)} must be {one_of(texts)}, not {quote(value)}"
        problems.append(Problem(path, message, "AC103", _type_hint(texts, value)))
    # Of a union's members, the one that fits best says most: it complains deepest.
    above = {p.path[:length] for p in problems for length in range(len(p.path))}
    problems = [p for p in problems if p.path not in above]
    problems.sort(key=lambda problem: problem.code != "AC102")
    for problem in problems:
        problem.path = (*prefix, *problem.path)
    return problems


def _must_be(found: Mapping[str, Any]) -> str | None:
    """Return what the value must be, where the error is about its type or its word."""
    if found["type"] in ("literal_error", "enum"):
        words = [a or b for a, b in _QUOTED_WORD.findall(found["ctx"]["expected"])]
        return one_of({"True": "true", "False": "false", "None": "~"}.get(w, w) for w in words)
    if found["type"] == "is_instance_of":
        name = found["ctx"]["class"]
        return 'a share such as "1/8"' if name == "Fraction" else f"a {plain(name)}"
    return _MUST_BE.get(found["type"])


def _type_hint(texts: list[str], value: object) -> str | None:
    """Return the way out of a wrong type, where it is certain."""
    whole = "a whole number" in texts
    if whole and isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"write {int(value)}"
    if isinstance(value, str):
        if whole and value.isascii() and value.isdigit() and len(value) < 20:
            return f"write {int(value)}, without quotes"
        if "true or false" in texts and value.lower() in ("yes", "on", "no", "off", "true", "false"):
            return f"write {'true' if value.lower() in ('yes', 'on', 'true') else 'false'}"
        words = [word for text in texts for word in re.split(r", | or ", text) if " " not in word]
        return did_you_mean(value, words)
    return None


def _problem(found: Mapping[str, Any], path: DataPath, subject: str, names: Iterable[str]) -> Problem:
    """Return the problem for an error that is not about a type."""
    kind, context = found["type"], found.get("ctx", {})
    field = dotted(path) or "the value"
    value = quote(found["input"])
    if kind == "extra_forbidden":
        name = str(path[-1])
        known = list(names)
        hint = did_you_mean(name, known)
        if hint is None and known:
            listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
            hint = f"fields: {listed}"
        return Problem(path, f"{subject} no field {quote(name)}", "AC102", hint, on_key=True)
    if kind == "missing":
        return Problem(path, f"{field} is missing{_of(subject)}", "AC101", f"add {field}")
    if kind in _BOUNDS:
        word, name = _BOUNDS[kind]
        return Problem(path, f"{field} must be {word} {context[name]:,}, not {value}", "AC104")
    if kind in _LENGTHS:
        word, name, unit = _LENGTHS[kind]
        message = f"{field} must have {word} {context[name]:,} {unit}"
        return Problem(path, message, "AC107")
    if kind == "string_pattern_mismatch":
        message = f"{field} {value} has the wrong form"
        return Problem(path, message, "AC107", f"it must match {plain(context['pattern'])}")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        words = [a or b for a, b in _QUOTED_WORD.findall(context.get("expected_tags", ""))]
        key = context["discriminator"].strip("'")
        if kind == "union_tag_not_found":
            return Problem((*path, key), f"{key} is missing{_of(subject)}", "AC101", f"add {key}")
        tag = str(context["tag"])
        hint = did_you_mean(tag, words) or f"it may be {one_of(words)}"
        return Problem((*path, key), f"there is no {key} {quote(tag)}", "AC105", hint)
    return _own_problem(found, path, field)


def _own_problem(found: Mapping[str, Any], path: DataPath, field: str) -> Problem:
    """Return the problem that a validator of ours describes, or pydantic's own words."""
    context = found.get("ctx", {})
    raised = context.get("error")
    if isinstance(raised, FieldError):
        message = f"{field}: {raised.message}" if raised.code == "AC106" else raised.message
        return Problem((*path, *raised.path), message, raised.code or "AC120", raised.hint)
    if isinstance(raised, Exception):
        return Problem(path, f"{field}: {plain(str(raised))[:200]}", "AC120")
    return Problem(path, f"{field}: {plain(found['msg'])[:200]}", "AC120")


def _real_path(loc: DataPath, data: object, *, keep_last: bool) -> DataPath:
    """Return pydantic's path without the tags of unions and the names of validators."""
    path: list[str | int] = []
    known = data is not None
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        inside = (
            part in data
            if isinstance(data, dict)
            else isinstance(data, (list, tuple)) and isinstance(part, int) and part < len(data)
        )
        if inside:
            data = data[part]  # type: ignore[index]
        elif known:
            if not (last and keep_last and isinstance(data, dict)):
                continue
        elif isinstance(part, str) and not _is_field(part):
            continue
        path.append(part)
    return tuple(path)


_TAGS = frozenset({"int", "str", "float", "bool", "none", "dict", "list", "tuple", "set", "any", "is-instance"})


def _is_field(part: str) -> bool:
    """Whether a part of a path looks like a key rather than like a tag of pydantic's."""
    return part not in _TAGS and not re.search(r"[\[\](){}]|^constrained-|^function-", part)


def _label(prefix: DataPath, path: DataPath) -> str:
    """Return the name of a field: its path within the model, or the place of the model."""
    return dotted(path) or dotted(prefix) or "the document"


def _subject(prefix: DataPath, path: DataPath, kind: str | None) -> str:
    """Return who has no such field: ``block "global" (attention) has``, ``there is``."""
    inner = dotted(path[:-1])
    if len(prefix) >= 2 and prefix[0] == "blocks":
        block = f"block {quote(prefix[1])}" + (f" ({plain(kind)})" if kind else "")
        return f"{inner} of {block} has" if inner else f"{block} has"
    inner = dotted((*prefix, *path[:-1]))
    return f"{inner} has" if inner else "there is"


def _of(subject: str) -> str:
    """Return where something is missing, as a part of the sentence."""
    return "" if subject == "there is" else f" in {subject.removesuffix(' has')}"


def _names(allowed: Allowed, path: DataPath) -> list[str]:
    """Return the field names that are allowed at a path."""
    if allowed is None:
        return []
    if not isinstance(allowed, type):
        return list(allowed) if not path else []
    models = [allowed]
    for part in path:
        if isinstance(part, str):
            fields = [m.model_fields[part] for m in models if part in m.model_fields]
            models = [m for field in fields for m in _models(field.annotation)]
    return [info.alias or name for model in models for name, info in model.model_fields.items()]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models within a type."""
    from typing import get_args

    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
