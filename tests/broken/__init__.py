"""Inputs that are wrong, for every command: each module gives {name: function that writes it}."""
