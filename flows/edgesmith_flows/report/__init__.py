"""Reports of runs: one page to look at, and the same figures for other programs.

`facts` gathers what the store holds of a run, `views` decides what is shown, `page`, `tables` and `junit` write it.
"""
