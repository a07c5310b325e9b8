"""Drawn tasks: pictures of bodies that nobody has, in contrasts that no scanner has."""
