"""Which families of networks come out of which exporter, and how well."""
