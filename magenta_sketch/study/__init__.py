"""Studies: a hyperparameter swept over values and seeds, every run measured, and a report.

What is trained, and what came of it; without TensorFlow:
  plan         what is swept: axes, seeds, the configuration all runs share
  folder       a study's folder on the disk; definition: a plan, its folder and how it is measured
  scalars, measures    what is measured of a run: names, and the values
  results      runs with their measures
  spread       a mean over seeds, and when two differ
  summary      a study setting by setting
  task         one run as a unit of work; state: how far it is, by its files; lock: one at a time
The numbers:
  chamfer      distances between drawings
  latent       how a model uses its latent vector
  baselines    what the distances would be for real drawings
  measuring    measuring a trained model
Carrying it out:
  sweep        the whole: keep what is finished, run the rest, report
  execution    one run in a process: train to the end, then measure
  local, worker    the engine for this machine, and its processes
  on_ray, ray_cluster    the engine for a Ray cluster
  progress     the one display of a sweep
The report:
  findings, limits    what the numbers say, in words, and what they do not
  wording      numbers as the report writes them
  figures      which numbers go into which picture
  sheets       grids of drawings
  tables       means and spreads
  export       results.csv and results.json
  report       the page, and all files; collecting: from a study's folder to its report
"""
