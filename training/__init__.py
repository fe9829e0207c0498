"""Recipes, data and the loop that make a model bundle; imports `core`, never the app."""
