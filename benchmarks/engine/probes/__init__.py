"""Programs that measure inside a process of edgesmith's own. Each writes JSON to the file that it is given first."""
