"""SAM-Med3D: Segment Anything in three dimensions, for volumes and points in them.

Wang et al., SAM-Med3D: Towards General-purpose Segmentation Models for Volumetric Medical Images, 2023
(arXiv:2310.15161). The names of the parameters are those of the published checkpoints.
"""
