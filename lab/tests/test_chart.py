"""The chart of docs/performance.md."""

from lab.latency import chart


def test_a_point_for_each_time():
    panels = chart.figure().axes
    assert [len(panel.lines) for panel in panels] == [4, 4]
    for panel in panels:
        for line in panel.lines:
            (x,), (y,) = line.get_data()
            assert panel.get_xlim()[0] < x < panel.get_xlim()[1]
            assert panel.get_ylim()[0] < y < panel.get_ylim()[1]
