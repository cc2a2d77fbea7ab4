"""Expected times of kernels: one small formula a family, its coefficients measured on a device."""
