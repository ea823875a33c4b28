"""A reference interpreter for Core ML's ML Programs: reads a saved package and runs it op by op on torch tensors."""
