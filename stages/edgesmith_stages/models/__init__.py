"""Torch models on disk: a recipe, the changes it lists, and weights."""
