"""What goes in: tasks of labelled examples, the files they are read from, and the built-in samples."""
