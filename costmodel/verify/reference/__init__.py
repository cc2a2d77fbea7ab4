"""A plain eager PyTorch language model built from the data of a spec, to read and to learn from.

Written from the papers' equations and the definitions of docs/conventions.md: nothing of archcalc is
imported here, so that what both say alike is said twice.
"""
