"""Measurements of skdeepbm; ``python -m benchmarks`` runs them and writes RESULTS.md."""
