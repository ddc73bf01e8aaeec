"""Measures of trained models and of drawings, for studies of the latent vector.

chamfer         distances between drawings
latent          how a model uses its latent vector
linear_theory   what the simplest model of latent noise expects
"""
