//! The black-box tests: each module is about one promise.

mod simulator_self_test;
