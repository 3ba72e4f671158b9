from __future__ import annotations

import itertools

from licrt.trainer.data import TicketBatches


def take(count: int, batches: TicketBatches) -> list[tuple[int, int]]:
    return [ticket for batch in itertools.islice(batches, count) for ticket in batch]


def test_every_epoch_visits_every_picture_once() -> None:
    tickets = take(14, TicketBatches(7, 3, seed=2))
    assert [number for number, _ in tickets] == list(range(42))
    epochs = [tuple(picture for _, picture in tickets[first : first + 7]) for first in range(0, 42, 7)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len(set(epochs)) > 1


def test_crops_of_one_picture_follow_one_another() -> None:
    once = [picture for _, picture in take(7, TicketBatches(7, 2, seed=2))]
    assert [picture for _, picture in take(14, TicketBatches(7, 3, seed=2, crops_per_picture=3))] == [
        picture for picture in once for _ in range(3)
    ]


def test_rows_of_a_process_are_of_few_pictures() -> None:
    tickets = TicketBatches(9, 8, seed=0, crops_per_picture=4, rank=1, world=2)
    assert len({picture for _, picture in next(iter(tickets))}) == 1
