"""Studies: train settings of hyperparameters with several seeds, measure, compare, report.

Values, without TensorFlow:
  plan                   what is trained: settings, seeds, who is compared with whom
  definition, folder     a study: a plan, how to measure; the paths in its folder
  results                runs with their measures, by setting and seed
  statistics             estimates with intervals, paired comparisons
  task, lock             one run as a unit of work; who works on it
Running:
  sweep                  a whole study
  execution              one run in a process: train, then measure
  local, worker          the engine for this machine, and its processes
  on_ray, ray_cluster    the engine for a Ray cluster
  progress               the display of a sweep
The report:
  collecting             from a study's folder to its report
  report                 the page and all other files
  claims, tables         the first screen; tables
  figures, curves        plots; those of measures over settings
  lines                  which settings a line joins
  sheets, wording        grids of drawings; how numbers are written
  export                 results as files for other programs
"""
