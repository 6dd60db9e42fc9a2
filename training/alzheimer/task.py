"""What the classifier is asked: the size of a slice and the classes, in the order of the network's outputs."""

LABELS = ["MildDemented", "ModerateDemented", "NonDemented", "VeryMildDemented"]
NON_DEMENTED = LABELS.index("NonDemented")
HEIGHT, WIDTH = 208, 176
