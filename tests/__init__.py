"""The tests, grouped by the part of the package they speak for."""
