"""Sources to fill in. They are modules and not data files, since a stage's key counts the modules that it imports."""
