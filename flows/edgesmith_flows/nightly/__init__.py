"""Nightly verdicts: tonight's run against a baseline (docs/nightly.md)."""
