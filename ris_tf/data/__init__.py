"""Datasets and synthetic images for instance segmentation."""
