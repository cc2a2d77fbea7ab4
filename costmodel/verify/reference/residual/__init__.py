"""Features of the residual stream in PyTorch: one file each, as in ``costmodel.residual``."""
