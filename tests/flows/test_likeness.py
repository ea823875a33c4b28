"""How like two layers' values are."""

import math

import numpy as np
import pytest

from edgesmith_flows.likeness import MAX_DB, Energy, Order


def sqnr(reference, values):
    energy = Energy()
    energy.add(np.asarray(reference, np.float64), np.asarray(values, np.float64))
    return energy.sqnr_db


def test_it_is_the_ratio_of_energies_in_decibels():
    assert sqnr([3, 4], [3, 3.5]) == pytest.approx(10 * math.log10(25 / 0.25))


def test_images_are_summed_before_the_ratio_is_taken():
    energy = Energy()
    energy.add(np.array([1.0]), np.array([1.0]))
    energy.add(np.array([1.0]), np.array([0.5]))
    assert energy.sqnr_db == pytest.approx(10 * math.log10(2 / 0.25))


def test_it_stays_finite():
    assert sqnr([1, 2], [1, 2]) == MAX_DB
    assert sqnr([0, 0], [0, 1]) == -MAX_DB
    assert sqnr([1, 2], [1, math.nan]) == -MAX_DB
    assert sqnr([1, 2], [1, math.inf]) == -MAX_DB
    assert sqnr([1e300], [-1e300]) == -MAX_DB


def test_a_mask_of_infinities_is_no_difference():
    assert sqnr([-math.inf, 1, math.nan], [-math.inf, 1, math.nan]) == MAX_DB
    assert sqnr([-math.inf, 1], [math.inf, 1]) == -MAX_DB


def test_one_of_the_two_is_turned():
    a = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    for order, other in (
        (Order(), a.reshape(6, 4)),
        (Order(False, (1, 2, 0)), a.transpose(0, 2, 3, 1)),
        (Order(True, (2, 0, 1)), a.transpose(0, 2, 3, 1)),
        (Order(False, (1, 2, 0)), a[0].transpose(1, 2, 0).reshape(12, 2)),
    ):
        one, two = order.laid(a, other)
        assert one.tolist() == two.tolist()
