"""Vectors in the format of InterFaceGAN: there and back, calibrated, and refusal of all that is none."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from directions.boundary import read_boundary, write_boundary
from directions.fitting import fit_direction


def test_a_vector_comes_back_and_gets_its_unit_again(plain, tmp_path: Path):
    faces = plain.faces(1500)
    made, _ = fit_direction(faces, "yaw", plain.tools)
    write_boundary(made, tmp_path / "yaw.npy")
    stored = np.load(tmp_path / "yaw.npy")
    assert stored.shape == (1, plain.width) and stored.dtype == np.float32
    vector = read_boundary(tmp_path / "yaw.npy", plain.width)
    np.testing.assert_allclose(vector, made.vector, atol=1e-6)
    again, _ = fit_direction(faces, "yaw", plain.tools, boundary=vector)
    assert again.step == pytest.approx(made.step, rel=1e-4)
    assert again.figures["keeps"] == []


@pytest.mark.parametrize("space", ["S", "W+0-3"])
def test_a_vector_of_styles_or_of_some_layers_is_not_written_as_one_of_w(plain, tmp_path: Path, space: str):
    made, _ = fit_direction(plain.faces(600), "yaw", plain.tools, way="covariance")
    with pytest.raises(ValueError, match="the direction of yaw lies in .* but the format is of Z or W"):
        write_boundary(replace(made, space=space), tmp_path / "yaw.npy")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((1, 4)),
        np.ones((1, 5)),
        np.ones((2, 4)),
        np.array([["a"] * 4]),
        np.full((1, 4), np.nan),
        np.ones(4, int),
    ],
)
def test_what_is_not_one_vector_is_refused(tmp_path: Path, array: np.ndarray):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ValueError, match="x.npy is not a boundary: it takes a .npy file with 4 numbers"):
        read_boundary(tmp_path / "x.npy", 4)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", pickle.dumps([1.0] * 4), b"PK\x03\x04", bytes(2 << 20)])
def test_other_files_are_refused_and_never_unpickled(tmp_path: Path, content: bytes):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(ValueError, match="x.npy is not a boundary"):
        read_boundary(tmp_path / "x.npy", 4)
    with pytest.raises(FileNotFoundError, match="none.npy does not exist"):
        read_boundary(tmp_path / "none.npy", 4)


@pytest.mark.parametrize(("shape", "kind"), [((10**14,), "<f8"), ((10**30,), "<f8"), ((10**30,), "|S0")])
def test_a_header_that_claims_more_than_any_memory_is_refused_unread(tmp_path: Path, shape: tuple, kind: str):
    with open(tmp_path / "x.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
    with pytest.raises(ValueError, match="x.npy is not a boundary"):
        read_boundary(tmp_path / "x.npy", 4)


def test_an_array_of_objects_is_refused(tmp_path: Path):
    np.save(tmp_path / "x.npy", np.array([[1.0, 2, 3, None]], object), allow_pickle=True)
    with pytest.raises(ValueError, match="x.npy is not a boundary"):
        read_boundary(tmp_path / "x.npy", 4)
