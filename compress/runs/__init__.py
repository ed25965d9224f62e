"""Whole runs in their folders: a search, a sweep."""
