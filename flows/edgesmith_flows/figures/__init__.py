"""Every run's figures: kept in a table, shown over time, compared, and searched for what changed them."""
