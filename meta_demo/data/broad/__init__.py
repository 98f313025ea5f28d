"""Sources of many kinds of classes, made by code from patterns and words."""
