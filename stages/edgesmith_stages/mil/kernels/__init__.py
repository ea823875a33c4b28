"""Kernels: one short function a MIL operation, semantics from the MIL op reference."""
