"""Model files: read, tidied and written so that equal models are equal bytes."""
