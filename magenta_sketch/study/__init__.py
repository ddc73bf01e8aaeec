"""Studies: a hyperparameter swept over values and seeds, every run measured, and a report.

plan       what is swept: axes, seeds, the hyperparameters all runs share
folder     a study's folder on the disk
tasks      one run of it: train to the end, then measure
local, on_ray    engines: tasks on the cores of this machine, or on a Ray cluster
sweep      the whole: keep what is finished, run the rest, report
measures   what is measured of a trained model, and the data classes that hold it
chamfer    distances between drawings
latent     how a model uses its latent vector
summary    means and spreads over seeds, and when two settings differ
findings, limits   what the numbers say, in words, and what they do not
figures, panels, sheets   pictures by matplotlib, what they share, and grids of drawings
results, report   results.csv and results.json, and the page
wording    numbers as the report writes them
"""
