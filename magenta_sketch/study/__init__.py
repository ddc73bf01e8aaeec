"""Studies: train values of a hyperparameter with several seeds, measure all runs, write a report.

Values, without TensorFlow:
  plan                   what is swept: axes, seeds, the settings of all runs
  definition             a study: a plan, its folder and how to measure
  folder                 the paths in a study's folder
  scalars, measures      what is measured of a run: the names; the values
  results                runs with their measures
  spread                 a mean over seeds, and the rule for a difference
  summary                means and spreads for each setting
  task                   one run as a unit of work
  state                  whether a run is measured
  lock                   only one process may work on a run or a study
Measuring:
  measuring              all measures of a trained model
  chamfer                distances between drawings
  latent                 how a model uses its latent vector
  baselines              distances of real drawings, for comparison
Running:
  sweep                  a whole study
  execution              one run in a process: train, then measure
  local, worker          the engine for this machine, and its processes
  on_ray, ray_cluster    the engine for a Ray cluster
  progress               the display of a sweep
The report:
  collecting             from a study's folder to its report
  report                 the page and all other files
  findings, limits       what the numbers say, in sentences; what they do not say
  figures, sheets        plots; grids of drawings
  tables, wording        tables; how numbers are written
  export                 results.csv and results.json
"""
