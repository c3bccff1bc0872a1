import pytest

from benchmarks.hairnet import by_turns, main, parameters


def test_ours_has_a_third_of_the_published_parameters_at_most_at_every_size(capsys):
    assert all(found["share"] <= 1 / 3 for found in parameters().values())
    assert capsys.readouterr().out.count("kept") == 3


def test_jobs_take_turns_and_the_first_turn_is_not_counted():
    calls = []
    times = by_turns({name: lambda name=name: calls.append(name) for name in ("a", "b")}, 2)
    assert calls == ["a", "b"] * 3 and times.keys() == {"a", "b"} and times["a"]["ms"] >= 0


def test_figures_that_cannot_be_taken_are_refused():
    with pytest.raises(ValueError, match="--batch is 6"):
        main(batch=6)
    with pytest.raises(ValueError, match="--rounds is 0"):
        main(rounds=0)
