//! The control plane: `tollgate-control`.
fn main() {}
