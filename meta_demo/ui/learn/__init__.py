"""The Learn tab: the two loops in a picture that moves, and a lesson for every algorithm."""
