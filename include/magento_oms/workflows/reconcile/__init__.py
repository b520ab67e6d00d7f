"""Reconciliations: both sides are compared over a window, differences are told, and healed where that is safe."""
