"""Quantise and compress model files, each format by its own library."""
