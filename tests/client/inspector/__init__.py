"""Tests of the inspector of a client."""
