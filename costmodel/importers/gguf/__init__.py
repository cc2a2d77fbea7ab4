"""GGUF files, as llama.cpp runs them -> specs."""

from __future__ import annotations
