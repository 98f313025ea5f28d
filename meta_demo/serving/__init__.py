"""Adaptation as a service, for page, command line and API alike."""
