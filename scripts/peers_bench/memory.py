"""What a plan of Gyrus's takes on the device against what it cannot do without."""

# The aim: weights and this much of the largest live set.
ALLOWED = 1.3


def live_bytes(plan):
    """The largest number of bytes of values that are needed at one time, over the steps of a plan.

    A byte is needed from the step that writes it to the last that reads it. What a step writes counts in that step,
    what it writes over without reading does not count before: parts of one concatenation are a little
    undercounted that way, never overcounted.
    """
    edges = sorted({edge for r in all_ranges(plan) for edge in ends(r)})
    needed = pieces((p["range"] for p in plan["outputs"]), edges)
    largest = size(needed)
    for step in reversed(plan["steps"]):
        written, read = pieces([step["output"]], edges), pieces(step["inputs"], edges)
        largest = max(largest, size(needed | written | read))
        needed = (needed - written) | read
    return largest


def weight_bytes(plan):
    return sum(weights["bytes"] for weights in plan["weights"])


def transfer_bytes(plan):
    """The two lanes through which inputs and outputs go: memory of the host that the device copies from and to.

    As `Plan::device_bytes` counts them, which has to fit all of it on devices without memory of their own.
    """
    sizes = [port["range"]["size"] for port in plan["inputs"] + plan["outputs"]]
    return 2 * sum(-(-size // 8) * 8 for size in sizes)


def allowed_bytes(plan):
    return int(weight_bytes(plan) + ALLOWED * live_bytes(plan))


def all_ranges(plan):
    ports = [port["range"] for port in plan["inputs"] + plan["outputs"]]
    steps = [r for step in plan["steps"] for r in [step["output"], *step["inputs"]]]
    return [r for r in ports + steps if in_slab(r)]


def in_slab(found):
    """Whether a range lies in a slab or a texture, which hold activations, and not in weights."""
    return "weights" not in found["buffer"]


def ends(found):
    ((kind, number),) = found["buffer"].items()
    return (kind, number, found["offset"]), (kind, number, found["offset"] + found["size"])


def pieces(ranges, edges):
    """The stretches between neighbouring edges that these ranges cover."""
    covered = set()
    for first, last in (ends(r) for r in ranges if in_slab(r)):
        covered |= {(a, b) for a, b in zip(edges, edges[1:]) if first <= a and b <= last}
    return covered


def size(covered):
    return sum(b[2] - a[2] for a, b in covered)
