"""Measures of trained models and of drawings, for studies of the latent vector.

measuring       all measures of a trained model
result          their values, and the settings of the measuring
scalars         their names, meanings and units
baselines       the same distances between real drawings
latent          how a model uses its latent vector
information     mutual information of sketches and z, distances of z from its prior
importance      the importance-weighted bound of log p(sketch)
chamfer         distances between drawings
manifold        precision and recall of new drawings, copying
probes          how well known factors can be read from z
linear_theory   what the simplest model of latent noise expects
"""
