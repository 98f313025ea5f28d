"""Drawings without end: alphabets made up, and letters of fonts, drawn by shaky hands."""
