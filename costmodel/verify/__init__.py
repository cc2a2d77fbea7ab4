"""A proof of a spec: a small PyTorch model built from it, whose figures equal ours.

``scaling`` makes the spec small and keeps its structure; the other modules are the model, written
to be read: plain data in, nothing of archcalc's own lowering. Torch is needed here alone.
"""
