"""Torch models in int8, by torch's own export quantisation (PT2E, of torchao): static, and trained on."""
