"""Transition kernels and chains: random stream and state in, state out."""

from skdeepbm.sampling.gibbs import gibbs_chain
from skdeepbm.sampling.labels import clamped_chain
from skdeepbm.sampling.tempering import ParallelTempering

__all__ = ["ParallelTempering", "clamped_chain", "gibbs_chain"]
