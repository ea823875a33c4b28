"""Charts as geometry: where things lie in the units of an SVG's view box. Templates draw them."""
