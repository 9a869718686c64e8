"""Transition kernels and chains: random stream and state in, state out."""

from skdeepbm.sampling.gibbs import gibbs_chain
from skdeepbm.sampling.labels import clamped_chain
from skdeepbm.sampling.layers import first_states, layer_chain
from skdeepbm.sampling.tempering import ParallelTempering

__all__ = ["ParallelTempering", "clamped_chain", "first_states", "gibbs_chain", "layer_chain"]
