"""Fences in documents: where they stand, what they hold, whether it is what their command prints."""
