drop table price_book_changes, price_book;
drop function price_book_is_append_only();
