alter table usage_rollup drop column cache_hits, drop column saved_nano_usd;
alter table usage_events
  drop column cache,
  drop column saved_nano_usd,
  drop column purpose,
  drop column beside_request,
  drop column strategy,
  drop column arm;
