"""What the `bundle` stage writes: a folder that an app team takes."""
