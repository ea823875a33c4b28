"""Structured channel pruning by dependency graph (torch-pruning, https://arxiv.org/abs/2301.12900)."""
