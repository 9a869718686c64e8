"""Partition functions, likelihoods, reconstructions, and search and retrieval by codes."""
