"""Tests of a journal in object storage."""
