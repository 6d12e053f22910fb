"""Tests of the tasks, under plain Python: `python -m unittest`."""

import unittest

from cofferdam import Skip, testing

from tasks import Summary, summarize


class TheSummary(unittest.TestCase):
    def test_has_count_and_mean(self) -> None:
        with testing.fake() as seen:
            self.assertEqual(summarize([1.0, 2.0, 6.0]), Summary(3, 3.0))
        self.assertEqual(seen.messages(), ["summing up"])

    def test_takes_and_returns_json(self) -> None:
        self.assertEqual(testing.run_json(summarize, {"values": [1, 2]}), {"count": 2, "mean": 1.5})

    def test_is_skipped_without_values(self) -> None:
        with self.assertRaises(Skip):
            summarize([])


if __name__ == "__main__":
    unittest.main()
