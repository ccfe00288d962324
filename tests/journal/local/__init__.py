"""Tests of a journal in a file."""
