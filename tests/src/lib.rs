//! The provider simulator, and the harness that the black-box tests are made of.

pub mod simulator;

pub mod browser;
pub mod control_process;
pub mod gateway_process;
pub mod ledger;
pub mod postgres_server;
pub mod processes;
pub mod redis_server;
pub mod simulator_process;

pub mod amazon_frames;
pub mod http;
pub mod raw_socket;
pub mod sse;
