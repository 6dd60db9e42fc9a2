"""Gyrus without a GPU: its CPU engine, which runs rten."""

from .gyrus import Gyrus


class GyrusCpu(Gyrus):
    name = "Gyrus, CPU engine"
    runs_on = "CPU"
    device = "cpu"
    starts_cold = False
