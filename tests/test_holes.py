"""Known security holes, and the tests that keep each one closed.

They were found in servers like this one, and in the first implementation of this design. This file
fails if one of these tests is renamed or removed.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

from config import HERE

CREDENTIALS, GITHUB, PAGES = "test_credentials", "test_github", "test_pages"
REFUSALS, SIGN_IN, STRANGERS = "test_refusals", "test_sign_in", "test_strangers"

HOLES: dict[str, list[str]] = {
    # In servers like this one.
    "a token in a URL opens everything, and logs keep it": [
        f"{CREDENTIALS}.test_a_token_in_the_query_opens_a_stream_and_nothing_else",
        "test_logs.test_the_log_of_a_server_has_every_request_and_none_of_its_secrets",
    ],
    "a page of another site writes with the visitor's cookie": [
        f"{REFUSALS}.test_pages_of_other_sites_may_not_write_or_open_a_stream",
        f"{REFUSALS}.test_only_json_is_read",
    ],
    "a name that is rebound to our address passes for our origin": [
        f"{REFUSALS}.test_only_this_servers_names_are_served",
        f"{REFUSALS}.test_another_host_is_refused_before_anything_else_but_not_its_health_checks",
    ],
    "a page of another site opens streams": [
        f"{REFUSALS}.test_pages_of_other_sites_may_not_write_or_open_a_stream"
    ],
    "a token of no algorithm, or another one": [
        f"{CREDENTIALS}.test_another_algorithm_is_refused",
        f"{CREDENTIALS}.test_no_algorithm_and_another_key_are_refused",
    ],
    "a token that never ends": [f"{CREDENTIALS}.test_a_token_that_lacks_a_claim_is_refused"],
    "a key that can be guessed": ["test_options.test_an_invalid_option_is_refused_in_one_line"],
    "a subject that is a number locks everybody out": [
        f"{CREDENTIALS}.test_a_valid_token_names_its_user_and_session",
        f"{CREDENTIALS}.test_a_subject_that_is_no_string_is_refused",
    ],
    "a token that ends in a hundred years, or at a text": [
        f"{CREDENTIALS}.test_a_token_beyond_its_limits_or_mistyped_is_refused"
    ],
    "a clock that is five seconds ahead locks its user out": [
        f"{CREDENTIALS}.test_a_token_within_its_limits_is_valid"
    ],
    "signatures that nobody checks": [
        "test_holes.test_nothing_turns_off_the_check_of_signatures",
        f"{CREDENTIALS}.test_no_algorithm_and_another_key_are_refused",
    ],
    "a stream outlives its token": ["test_stream.test_a_stream_ends_when_its_token_does"],
    "a stream outlives its session": [
        f"{SIGN_IN}.test_a_logout_ends_the_streams_of_its_session_and_no_others",
        "test_stream.test_ending_a_session_elsewhere_ends_its_streams",
    ],
    "a guessed id opens the conversation of others": [
        f"{STRANGERS}.test_others_objects_are_answered_byte_for_byte_like_missing_ones",
        f"{STRANGERS}.test_guessed_ids_find_only_the_users_own_objects",
        f"{STRANGERS}.test_positions_of_others_replay_none_of_their_events",
    ],
    "events go to who was a member once": [
        f"{STRANGERS}.test_a_stranger_receives_no_live_event",
        "test_talking.test_a_message_reaches_both_tabs_of_the_recipient_and_nobody_else",
    ],
    "names are tried out, and all of them copied": [
        "test_limits.test_an_address_signs_in_sixty_times_a_minute",
        "test_limits.test_a_user_searches_twenty_times_at_once_and_then_five_times_a_second",
    ],
    "a message becomes markup": [
        "test_hostile_strings.test_as_messages_that_arrive_they_are_text_and_the_next_one_comes",
        "test_policy.test_text_becomes_neither_markup_nor_code",
    ],
    "a page that would run what got into it": [
        f"{PAGES}.test_pages_have_their_security_headers",
        "test_policy.test_no_request_goes_to_or_comes_from_another_host",
        "test_proxies.test_browsers_are_told_to_use_only_https",
    ],
    "anybody says which address they come from": [
        "test_proxies.test_the_rightmost_untrusted_address_is_the_clients",
        "test_proxies.test_without_trusted_proxies_forwarding_headers_are_ignored",
    ],
    "the development sign-in, or a trace, in production": [
        "test_options.test_development_sign_in_is_on_by_default_only_on_a_local_address",
        f"{SIGN_IN}.test_development_sign_in_is_absent_through_a_proxy",
        f"{REFUSALS}.test_a_server_error_is_logged_and_reveals_nothing",
    ],
    "a redirect to another host, or a header that the client writes": [
        f"{GITHUB}.test_only_addresses_of_this_page_are_returned_to",
        "test_fuzz.test_any_headers_are_accepted_or_refused",
    ],
    "two names that look alike": [
        f"{SIGN_IN}.test_a_name_outside_the_alphabet_is_refused_and_never_folded"
    ],
    "numbers of events tell how much others talk": [
        f"{STRANGERS}.test_event_numbers_do_not_reveal_the_traffic_of_others"
    ],
    # In the first implementation.
    "the end of a token is never looked at": [
        f"{CREDENTIALS}.test_a_token_beyond_its_limits_or_mistyped_is_refused"
    ],
    "a token in the query opens every route": [
        f"{CREDENTIALS}.test_a_token_in_the_query_opens_a_stream_and_nothing_else"
    ],
    "nothing ends a session": [
        f"{SIGN_IN}.test_after_logout_the_token_is_invalid_and_the_cookie_is_gone",
        f"{SIGN_IN}.test_a_refreshed_token_belongs_to_the_same_session",
    ],
    "a secret that everybody knows": [
        "test_options.test_without_options_the_defaults_are_as_documented",
        "test_options.test_a_bad_option_ends_the_start_with_one_line_and_no_trace",
    ],
    "a forgotten option lets anyone in as anyone": [
        "test_options.test_development_sign_in_is_on_by_default_only_on_a_local_address",
        f"{SIGN_IN}.test_login_is_absent_without_development_sign_in",
    ],
    "an error of the provider signs somebody in": [
        f"{GITHUB}.test_nobody_is_signed_in",
        f"{GITHUB}.test_an_invalid_user_signs_nobody_in",
        f"{GITHUB}.test_the_verifier_of_another_attempt_does_not_redeem_a_code",
        f"{GITHUB}.test_a_callback_is_valid_once",
        f"{GITHUB}.test_one_sign_in_that_hangs_holds_up_nobody",
    ],
    "a renamed account is locked out": [
        f"{GITHUB}.test_a_renamed_account_stays_the_same_user",
        f"{GITHUB}.test_a_taken_name_gets_a_free_one_and_keeps_it",
    ],
    "a user who is gone still acts": [
        f"{CREDENTIALS}.test_a_session_of_somebody_else_or_of_nobody_is_refused"
    ],
    "a link in a message runs code": [
        "test_hostile_strings.test_as_messages_that_arrive_they_are_text_and_the_next_one_comes",
        "test_policy.test_text_becomes_neither_markup_nor_code",
    ],
    "one message hides all that come after it": [
        "test_hostile_strings.test_as_messages_that_arrive_they_are_text_and_the_next_one_comes"
    ],
    "a picture or a name becomes markup; no headers, foreign scripts": [
        "test_hostile_strings.test_as_names_and_avatars_they_are_text_in_every_place",
        f"{GITHUB}.test_avatars_are_fetched_only_from_the_providers_hosts",
        f"{PAGES}.test_pages_have_their_security_headers",
        "test_policy.test_no_request_goes_to_or_comes_from_another_host",
    ],
    "no limits, and a search that lists everybody": [
        "test_limits.test_a_user_sends_sixty_at_once_and_then_ten_a_second",
        f"{REFUSALS}.test_a_body_may_have_64_kib_and_no_more_announced_or_chunked",
        "test_usernames.test_wildcards_and_what_no_name_holds_are_plain_characters",
        "test_abuse.test_a_flood_by_one_user_does_not_slow_down_others",
    ],
    "folders are listed, and an id that is no number is a 500": [
        f"{PAGES}.test_only_files_of_the_page_are_served",
        f"{REFUSALS}.test_an_unknown_route_is_not_found_whatever_the_method",
    ],
}


@cache
def all_tests() -> set[str]:
    return set().union(*map(found_in, (HERE / "tests").glob("test_*.py")))


def found_in(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    functions = (n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return {f"{path.stem}.{function.name}" for function in functions}


@pytest.mark.parametrize("hole", HOLES)
def test_the_tests_that_keep_each_hole_closed_exist(hole: str) -> None:
    assert HOLES[hole]
    assert not set(HOLES[hole]) - all_tests()


def test_nothing_turns_off_the_check_of_signatures() -> None:
    sources = [
        *HERE.glob("*.py"),
        *(p for d in ("handlers", "db", "bus") for p in (HERE / d).rglob("*.py")),
    ]
    assert len(sources) > 40
    for source in sources:
        assert "verify_signature" not in source.read_text(), source
