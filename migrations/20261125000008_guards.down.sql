drop table guards;
