"""The tests, grouped like the packages that they test."""
