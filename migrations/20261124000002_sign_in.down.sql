drop table revoked_tokens, sign_in_failures, links, refresh_tokens, sessions;
