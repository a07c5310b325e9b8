"""The numbers of the adaptive model, the same for every image and structure."""

from __future__ import annotations

from dataclasses import dataclass, field

from .appearance import AppearanceSettings


@dataclass(frozen=True)
class AdaptiveSettings:
    """How the model works; lengths are in mm, or in shares of the structure's extent, or in blocks.

    Parameters
    ----------
    block_mm
        Side of the blocks that a volume is worked on in [mm], if they are not finer for a small structure.
    blocks_across_volume, blocks_across_slice
        Blocks across a structure's extent that a volume and a slice are worked on at least with, where the
        image has them.
    rounds
        Rounds of appearance, random walk and growth.
    growth_blocks
        Distance from the present border at which growth costs one unit of log odds [blocks].
    farthest_odds, inner_odds
        Limits of the log odds that distance from the present border gives outside (taken away) and inside.
        Inside it is small, so that clicks and looks can still take away what lies deep.
    enclosure_odds
        Log odds at the centre of a box or lasso; 0 on the inscribed ellipse.
    inclination
        Log odds that every voxel gets: the random walk shrinks what is round.
    lesson
        Log odds that every voxel gains (loses) if all clicks were inside (outside), nearly: a user who only
        takes away sees an answer that is too large everywhere.
    trust
        Weight of a voxel's own probability against its neighbours in the random walk.
    contrast, weakest_edge
        See `EdgeWeights.of_image`.
    edge_price
        Extra price of a geodesic path per median gradient.
    reach_across, reach_across_mm, reach_in_plane, reach_in_plane_mm, reach_click, reach_click_mm
        Standard deviation of how far the structure is expected from its enclosure (across and within its
        slices) and from a positive stroke: share of the extent, plus millimetres.
    lowest_reach_odds
        Log odds left far away.
    click_odds
        A stroke's influence on log odds.
    depth_share, click_share, largest_click_share
        How far that influence reaches: share of the depth of the error that the stroke corrects, but at most
        this share of the distance to the nearest stroke of the other kind, and this share of the extent.
    touched_depths
        A change may go this many depths away from the stroke that it touches.
    far_confidence
        How sure a change must be to go farther [0, 0.5].
    click_inside, click_outside
        Weight of a stroke as an example of the inside's and the outside's look.
    background_share
        Distance over which the outside's examples lose weight, as share of the extent.
    appearance
        How looks are learned.
    """

    block_mm: float = 2.5
    blocks_across_volume: float = 20.0
    blocks_across_slice: float = 64.0
    rounds: int = 10
    growth_blocks: float = 1.0
    farthest_odds: float = 3.0
    inner_odds: float = 1.0
    enclosure_odds: float = 3.0
    inclination: float = 0.3
    lesson: float = 0.8
    trust: float = 0.6
    contrast: float = 1.5
    weakest_edge: float = 0.01
    edge_price: float = 2.0
    reach_across: float = 0.4
    reach_across_mm: float = 40.0
    reach_in_plane: float = 0.2
    reach_in_plane_mm: float = 10.0
    reach_click: float = 0.45
    reach_click_mm: float = 15.0
    lowest_reach_odds: float = -2.0
    click_odds: float = 8.0
    depth_share: float = 1.0
    click_share: float = 0.5
    largest_click_share: float = 0.5
    touched_depths: float = 3.0
    far_confidence: float = 0.2
    click_inside: float = 0.15
    click_outside: float = 0.15
    background_share: float = 0.35
    appearance: AppearanceSettings = field(default_factory=AppearanceSettings)
