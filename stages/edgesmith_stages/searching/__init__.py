"""What the stage `search` is made of."""
