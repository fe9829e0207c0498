"""Pre-training without labels (VICReg)."""
