"""Turns a pydantic validation error into one line that names the field, its value and the nearest known field."""

from __future__ import annotations

import difflib

from pydantic import BaseModel, ValidationError

from hwsim.errors import shown


def first_error(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the first problem of a file in one line; misspelt fields come before missing ones, which they explain."""
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    problem = problems[0]
    where = ".".join(str(part) for part in problem["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if problem["type"] == "extra_forbidden":
        known = list(model.model_fields)
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known fields: {', '.join(known)}"
        return f"unknown field '{where}': {hint}{more}"
    if problem["type"] == "missing":
        return f"field '{where}' is missing{more}"
    message = problem["msg"].removeprefix("Value error, ")
    if not where:
        return f"{message}{more}"
    return f"field '{where}' is {shown(problem['input'])}: {message}{more}"
