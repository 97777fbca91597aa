drop table signing_keys, nodes, revocations, changes, world;
