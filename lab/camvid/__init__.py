"""Experiments on CamVid: synthetic scenes, candidates of recipes, frames in another light."""
