"""Principal components in GANSpace's form: there and back, and refusal of all that is none."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from directions.boundary import read_boundary
from directions.components import main, principal, read_components, write_components

D = 6


def samples() -> np.ndarray:
    random = np.random.RandomState(0)
    root = np.linalg.qr(random.randn(D, D))[0] * np.array([5.0, 3, 2, 1, 0.5, 0.1])
    return (random.randn(4000, D) @ root.T + 2).astype(np.float32)


def test_components_are_orthogonal_and_fall_in_spread():
    found = principal(samples(), 4)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(found.sd, [5, 3, 2, 1], rtol=0.05)
    np.testing.assert_allclose(found.mean, 2, atol=0.4)


def test_components_come_back_in_the_form_of_ganspace(tmp_path: Path):
    found = principal(samples(), 3)
    write_components(found, tmp_path / "c.npz")
    stored = np.load(tmp_path / "c.npz")
    assert stored["lat_comp"].shape == (3, 1, D) and stored["lat_mean"].shape == (1, D)
    back = read_components(tmp_path / "c.npz", D)
    np.testing.assert_allclose(back.vectors, found.vectors, atol=1e-6)
    np.testing.assert_allclose(back.sd, found.sd, rtol=1e-6)


def test_one_component_goes_to_the_fit_as_a_boundary(plain, tmp_path: Path):
    plain.write(plain.faces(500), tmp_path / "faces", 250)
    main(tmp_path / "faces", tmp_path / "c.npz", count=4)
    main(tmp_path / "faces", tmp_path / "c.npz", take=2, out=tmp_path / "second.npy")
    vector = read_boundary(tmp_path / "second.npy", plain.width)
    np.testing.assert_allclose(vector, principal(plain.faces(500).w, 4).vectors[2], atol=1e-5)
    with pytest.raises(ValueError, match="--take is 4, but .* has the components 0 to 3"):
        main(tmp_path / "faces", tmp_path / "c.npz", take=4, out=tmp_path / "second.npy")


def test_few_faces_have_few_components_which_hold_all_of_the_variance(plain, tmp_path: Path, capsys):
    plain.write(plain.faces(5), tmp_path / "faces", 5)
    with pytest.raises(ValueError, match="--count is 5, but 5 faces of .* have 4 components"):
        main(tmp_path / "faces", tmp_path / "c.npz", count=5)
    main(tmp_path / "faces", tmp_path / "c.npz", count=4)
    assert "4 components hold 100.0% of the variance of 5 faces" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps([1.0])])
def test_other_files_are_refused(tmp_path: Path, content: bytes):
    (tmp_path / "c.npz").write_bytes(content)
    with pytest.raises(ValueError, match="c.npz holds no components"):
        read_components(tmp_path / "c.npz", D)


def test_objects_are_never_unpickled(tmp_path: Path):
    np.savez(tmp_path / "c.npz", lat_comp=np.array([[{}]], object), lat_mean=np.zeros((1, D)), lat_stdev=np.ones(1))
    with pytest.raises(ValueError, match="c.npz holds no components"):
        read_components(tmp_path / "c.npz", D)
    with pytest.raises(FileNotFoundError, match="none.npz does not exist"):
        read_components(tmp_path / "none.npz", D)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_a_header_that_claims_more_than_any_memory_is_refused_unread(tmp_path: Path, version: tuple[int, int]):
    claim = io.BytesIO()
    write = {(1, 0): np.lib.format.write_array_header_1_0, (2, 0): np.lib.format.write_array_header_2_0}[version]
    write(claim, {"descr": "<f8", "fortran_order": False, "shape": (10**14,)})
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        for name in ("lat_comp", "lat_mean", "lat_stdev"):
            archive.writestr(f"{name}.npy", claim.getvalue())
    with pytest.raises(ValueError, match="c.npz holds no components"):
        read_components(tmp_path / "c.npz", D)


def test_a_damaged_archive_is_refused(tmp_path: Path):
    path = tmp_path / "c.npz"
    sound = {"lat_comp": samples()[:40], "lat_mean": np.zeros((1, D)), "lat_stdev": np.ones(40)}
    np.savez_compressed(path, **sound)
    content = bytearray(path.read_bytes())
    start = content.index(b"lat_comp.npy") + 100
    content[start : start + 200] = b"\xff" * 200
    path.write_bytes(content)
    with pytest.raises(ValueError, match="c.npz holds no components"):
        read_components(path, D)
