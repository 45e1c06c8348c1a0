"""The life of a project: milestones, performance and what the budget owes for it."""
