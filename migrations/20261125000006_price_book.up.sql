-- The platform's price book: what models cost from when on. Rows are added and never changed, so that a charge can be
-- explained by the row of its time. No tenant's: every tenant may read it.

create table price_book (
  seq bigint primary key generated always as identity,
  kind text not null check (length(kind) between 1 and 64),
  model text not null check (length(model) between 1 and 256),
  -- AWS region, Azure data zone or geography; empty: everywhere.
  region text not null default '' check (length(region) <= 64),
  valid_from timestamptz not null,
  -- As `[models."…"]` of the config document.
  spec jsonb not null,
  source text not null check (length(source) between 1 and 256),
  recorded_at timestamptz not null default now()
);
create index price_book_subject on price_book (kind, model, region, valid_from desc, seq desc);
create index price_book_valid_from on price_book (valid_from);

create function price_book_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the price book is append-only';
end $$;
create trigger price_book_append_only before update or delete or truncate on price_book
  for each statement execute function price_book_is_append_only();

-- Which revisions of the world brought another price book.
create table price_book_changes (
  revision bigint primary key,
  at timestamptz not null default now()
);

grant select on price_book to tg_app;
grant select, insert on price_book, price_book_changes to tg_system;
