"""Partition functions, likelihoods and pseudo-likelihoods."""
