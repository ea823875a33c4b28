"""The steps of `export-coreml`: export the graph, choose sizes and precision, convert, check the saved package."""
