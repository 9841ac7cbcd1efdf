"""Contacts told from speed and height, and points held on their spots."""

from __future__ import annotations

import numpy as np
import pytest

from training.motion import contacts

RATE = 30.0


def path(frames=60):
    """Heel and toe edge: still for a second at 2 cm, then off at 2 m/s and 20 cm high, [60, 2, 3]."""
    points = np.zeros((frames, 2, 3))
    points[:30, :, 2] = 0.02
    points[30:, :, 0] = 2.0 * np.arange(1, frames - 29)[:, None] / RATE
    points[30:, :, 2] = 0.2
    return points


def test_standing_is_told_from_flying():
    """The still second is one contact, but for the frame whose central difference sees the flight."""
    found = contacts.find(path(), RATE)[:, 0]
    assert found[:29].all() and not found[30:].any()


def test_short_contacts_and_short_gaps_do_not_count():
    """Two frames on the ground are no contact; one frame off it is no flight."""
    touch = path()
    touch[:30, :, 2] = 0.2
    touch[10:12, :, 2] = 0.0
    assert not contacts.find(touch, RATE).any()
    gap = path()
    gap[15, :, 2] = 0.07
    assert contacts.find(gap, RATE)[:25].all()


def test_rising_heel_stands_no_longer():
    """A heel that rises by 3 cm in half a second, slowly, over toes that stay: off the ground from 2 cm on."""
    points = np.zeros((60, 2, 3))
    points[30:46, 0, 2] = np.linspace(0.0, 0.03, 16)
    points[46:, 0, 2] = 0.03
    found = contacts.find(points, RATE)
    assert found[:40, 0].all() and not found[41:, 0].any() and found[:, 1].all()


def test_held_point_stays_on_one_spot_and_eases_out():
    """A foot that creeps by 6 cm over a second is held at its median place on the ground; later it is where it was."""
    points = path()[:, :1]
    points[:30, 0, 1] = np.linspace(0.0, 0.06, 30)
    contact = np.zeros((60, 1), dtype=bool)
    contact[:30] = True
    held = contacts.hold(points, contact, RATE)[:, 0]
    np.testing.assert_allclose(held[:30], np.tile([0.0, 0.03, 0.0], (30, 1)), atol=1e-9)
    np.testing.assert_allclose(held[36:], points[36:, 0], atol=1e-9)  # .2 s are six frames
    assert held[30, 1] == pytest.approx(-0.03 * (0.5 + 0.5 * np.cos(np.pi / 6)), abs=1e-9)


def test_swinging_point_clears_the_ground():
    """A toe that swings 1 cm over the ground, far from any contact, passes at 2.2 cm."""
    points = np.zeros((40, 1, 3))
    points[:, 0, 0], points[:, 0, 2] = np.arange(40) / 15.0, 0.01
    held = contacts.hold(points, np.zeros((40, 1), dtype=bool), RATE)
    np.testing.assert_allclose(held[..., 2], 0.022)
