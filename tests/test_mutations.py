"""A test of the suite itself: if one mechanism is removed, a test fails."""

import os
import subprocess
import sys

import pytest

from tests.mutations import MUTATIONS
from tests.support.postgres import Postgres
from tests.support.processes import ROOT

_CUT_OFF = (
    "test_partitions.py::test_a_server_without_the_database_passes_on_nothing_and_trusts_no_session"
)
# The test that fails for each. The suite as a whole shows that it passes otherwise.
NOTICED_BY = {
    "no_dedup_at_the_seam": "test_resuming.py::"
    "test_an_event_during_the_opening_of_a_stream_arrives_once",
    "publish_before_commit": "test_talking.py::test_a_message_is_published_only_after_its_commit",
    "cursor_by_message_id": "test_resuming.py::test_a_stream_resumes_with_exactly_what_was_missed"
    "_as_it_was_first_sent",
    "no_ping": "test_stream.py::test_pings_come_without_an_id",
    "no_look_at_closed_before_subscribing": "test_leaks.py::"
    "test_a_client_that_left_during_its_look_up_is_not_subscribed",
    "no_buffer_limit": "test_slow.py::"
    "test_a_client_that_does_not_read_is_ended_and_resumes_without_a_gap",
    "no_exp_required": "test_credentials.py",
    "relay_before_commit": "test_cluster.py::"
    "test_a_message_reaches_another_server_only_after_its_commit",
    "no_look_at_a_missing_number": "test_cluster.py::"
    "test_a_relay_message_that_was_lost_is_noticed_by_the_number_of_the_next",
    "no_beat": "test_relay.py::test_a_server_with_nothing_to_tell_beats",
    "no_look_at_silence": "test_cluster.py::test_what_the_relay_loses_is_looked_up",
    "sessions_trusted_without_contact": "test_sessions.py::"
    "test_a_server_out_of_contact_asks_the_database_about_each_session",
    "sessions_kept_after_lost_contact": "test_ended_everywhere.py::"
    "test_a_session_that_ends_on_one_server_is_soon_refused_by_the_other[postgres-terminated-3.0]",
    "events_passed_on_without_contact": f"{_CUT_OFF}[database-hang]",
    "no_counts_in_changes": "test_deletions.py::test_of_a_deleted_message_an_empty_one_remains",
    "versions_that_are_not_compared": "test_edits.py::test_an_edit_of_another_version_is_refused",
    "recipients_read_before_the_lock": "test_group_order.py::"
    "test_a_message_reaches_those_who_are_members_when_it_is_stored",
    "no_lock_of_the_group": "test_group_order.py::"
    "test_a_change_locks_its_group_before_the_feeds_of_those_who_are_in_it",
    "members_see_what_was_before_them": "test_groups.py::"
    "test_people_who_are_added_see_what_follows_and_are_told_in_one_notice",
    "replays_of_what_was_before_one_came_again": "test_groups.py::"
    "test_who_comes_again_comes_as_new",
    "live_streams_leave_out_numbers": "test_groups.py::"
    "test_a_stream_that_was_open_before_a_gone_ends_rather_than_leave_out_a_number",
    "deleted_messages_left_out_of_replays": "test_deletions.py::"
    "test_a_deleted_message_is_replayed_deleted",
    "counts_of_today_in_replays": "test_deletions.py::"
    "test_counts_in_a_replayed_change_are_those_of_its_time",
    "reactions_without_those_before": "test_reactions.py::"
    "test_a_replayed_event_shows_the_reactions_that_are_there_now",
    "no_zero_in_a_change": "test_deletions.py::test_of_a_deleted_message_an_empty_one_remains",
    "batches_without_a_bound_of_rows": "test_jobs.py::"
    "test_a_storm_in_a_large_group_is_stored_in_batches_of_bounded_rows",
    "a_look_that_failed_is_not_repeated": "test_cluster.py::test_a_look_that_fails_is_repeated",
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_test_fails_without_the_mechanism(mutation: str, postgres: Postgres) -> None:
    command = f"-m pytest -q -x --tb=line -p tests.mutations tests/{NOTICED_BY[mutation]}"
    ended = subprocess.run(
        [sys.executable, *command.split()],
        cwd=ROOT,
        env={**os.environ, "MUTATION": mutation, "TESTS_POSTGRES": postgres.admin_dsn},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED, ended.stdout + ended.stderr
    assert "1 failed" in ended.stdout
