"""Transition kernels and chains: random stream and state in, state out."""

from skdeepbm.sampling.gibbs import gibbs_chain

__all__ = ["gibbs_chain"]
