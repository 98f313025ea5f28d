"""The Compare tab: how often each learner is right on the visitor's own examples, and on which of them learners differ."""
