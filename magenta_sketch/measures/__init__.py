"""Measures of trained models and of drawings, for studies of the latent vector.

chamfer         distances between drawings
importance      how probable sketches are to a model
information     how much z says about a sketch, and how far it is from a prior
latent          how a model uses its latent vector
linear_theory   what the simplest model of latent noise expects
manifold        precision and recall of new drawings, and copying
probes          whether z knows the factors that drawings were made from
"""
