"""Generated weights: a network reads the examples and writes the weights of the learner that answers."""
