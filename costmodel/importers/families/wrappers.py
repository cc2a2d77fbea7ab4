"""A language model with towers around it: its own configuration is inside, under ``text_config``."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.families import adapter


def inner(c: Config, model_type: str, key: str = "text_config", *, tied: bool | None = None) -> Draft:
    """Return the language model of a wrapper, of ``model_type`` where it says no other.

    ``tied``: whether the wrapper's class ties the tables; None leaves it to the inner configuration.
    """
    text = c.sub(key, model_type)
    try:
        read = adapter(text.model_type)
    except KeyError:
        text.refuse("model_type", f"the model type {text.model_type} is not covered", code="AC404")
    draft = read(text)
    if tied is not None:
        draft.fields.pop("tied", None)
        if tied:
            draft.fields["tied"] = True
    return draft


def llava(c: Config) -> Draft:
    """Read LLaVA: any language model behind CLIP; the wrapper's flag ties the tables."""
    draft = inner(c, "llama", tied=c.flag("tie_word_embeddings"))
    draft.left_out = c.leave_out("vision_config")
    return draft
