"""Ways from a torch model to a TFLite file."""
