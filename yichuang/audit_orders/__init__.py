"""The orders of `yichuang audit`, one module each; what they share is in `yichuang.log_stores`."""
