"""The reference pages in docs/reference, made from docstrings and pydantic fields.

`python -m edgesmith_flows.reference` writes them; with `--check` it fails where they are not current.
"""
