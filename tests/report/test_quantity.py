import pytest

from cosim.report.quantity import area, bar, count, digits, duration, energy, share, si, size


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (duration(12.345678), "12.35 ms"),
        (duration(0.9999999), "1 ms"),  # never 1000 us
        (duration(0), "0 s"),
        (duration(123456), "123.5 s"),
        (energy(1.0), "1 pJ"),
        (energy(1.5e9), "1.5 mJ"),
        (size(1023), "1023 B"),
        (size(1 << 20), "1 MiB"),
        (size(1536), "1.5 KiB"),
        (count(99_999), "99,999"),
        (count(300_774_272), "300.8 M"),
        (area(1_134_000), "1.134 mm2"),
        (share(1, 3), "33.3%"),
        (share(1, 0), "-"),
        (si(12.8e9, "B/s"), "12.8 GB/s"),
        (digits(1234567.0), "1234567"),
        (digits(float("nan")), "-"),
        (bar(0.5, 4), "██░░"),
        (bar(7.0, 2), "██"),
    ],
)
def test_people_read(made: str, text: str) -> None:
    assert made == text
