"""ncnn's own CPU code, from the same conversion as ncnn through Vulkan."""

from .ncnn_vulkan import NcnnVulkan, load_on


class NcnnCpu(NcnnVulkan):
    name = "ncnn, CPU"
    runs_on = "CPU"
    starts_cold = False


def load(job):
    return load_on(job, vulkan=False)
