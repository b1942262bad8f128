"""The page of tasks says what the tasks' data say."""

from __future__ import annotations

from development.task_page import PAGE, page


def test_the_page_of_tasks_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m development.task_page"
