"""The only modules that touch session state, URL and cookies."""
